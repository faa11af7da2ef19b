/* check_identifier.c - identifiers with check digits, and codes of clinical
 * code systems. The form of each is code; which codes exist is data, in a value set
 * file (check_value_set.c).
 *
 * Sources: NHS number: NHS Data Dictionary, modulus 11. NPI: 45 CFR 162.406,
 * the Luhn sum with the prefix 80840. Luhn: ISO/IEC 7812-1 annex B. SNOMED CT: its
 * release format 2, Verhoeff (1969). GTIN: GS1 General Specifications 7.9. LOINC: its users'
 * guide, modulus 10. UCUM: its grammar, section 2, by form. */
#include <ctype.h>
#include "expect/check.h"

#define DIGITS_MAX 32

/* ---- digits ---- */

/* The digits of a text of digits alone; -1 where it is none, or too long. */
static int digits_of(struct dr_str text, int *ret)
{
    if (text.n == 0 || text.n > DIGITS_MAX)
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return -1;
        ret[i] = text.p[i] - '0';
    }
    return (int)text.n;
}

/* The same with spaces or hyphens after the 3rd and 6th digit, as people write an NHS number. */
static int grouped_digits(struct dr_str text, int *ret)
{
    bool grouped = text.n == 12 && text.p[3] == text.p[7] && (text.p[3] == ' ' || text.p[3] == '-');
    char plain[10];
    if (!grouped)
        return digits_of(text, ret);
    memcpy(plain, text.p, 3);
    memcpy(plain + 3, text.p + 4, 3);
    memcpy(plain + 6, text.p + 8, 4);
    return digits_of((struct dr_str){ plain, sizeof plain }, ret);
}

static int luhn_sum(const int *d, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        int v = (n - i) % 2 ? d[i] : d[i] * 2;
        sum += v > 9 ? v - 9 : v;
    }
    return sum;
}

static bool is_luhn(struct dr_str text)
{
    int d[DIGITS_MAX], n = digits_of(text, d);
    return n >= 2 && luhn_sum(d, n) % 10 == 0;
}

static bool is_npi(struct dr_str text)
{
    enum { PREFIX_SUM = 24 }; /* what 80840 adds */
    int d[DIGITS_MAX], n = digits_of(text, d);
    return n == 10 && (d[0] == 1 || d[0] == 2) && (luhn_sum(d, n) + PREFIX_SUM) % 10 == 0;
}

static bool is_nhs_number(struct dr_str text)
{
    int d[DIGITS_MAX], n = grouped_digits(text, d), sum = 0;
    if (n != 10)
        return false;
    for (int i = 0; i < 9; i++)
        sum += d[i] * (10 - i);
    return (11 - sum % 11) % 11 == d[9]; /* 10 is no digit: such numbers are not issued */
}

static bool is_gtin(struct dr_str text)
{
    int d[DIGITS_MAX], n = digits_of(text, d), sum = 0;
    if (n != 8 && n != 12 && n != 13 && n != 14)
        return false;
    for (int i = 0; i < n; i++)
        sum += d[i] * ((n - i) % 2 ? 1 : 3);
    return sum % 10 == 0;
}

/* Two letters and seven digits; the last digit checks the six before it. */
static bool is_dea_number(struct dr_str text)
{
    int d[DIGITS_MAX];
    if (text.n != 9 || !isupper((unsigned char)text.p[0]) ||
        !(isupper((unsigned char)text.p[1]) || text.p[1] == '9'))
        return false;
    if (digits_of((struct dr_str){ text.p + 2, 7 }, d) != 7)
        return false;
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6];
}

static bool is_verhoeff(const int *d, int n)
{
    static const uint8_t times[10][10] = {
        { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { 1, 2, 3, 4, 0, 6, 7, 8, 9, 5 }, { 2, 3, 4, 0, 1, 7, 8, 9, 5, 6 },
        { 3, 4, 0, 1, 2, 8, 9, 5, 6, 7 }, { 4, 0, 1, 2, 3, 9, 5, 6, 7, 8 }, { 5, 9, 8, 7, 6, 0, 4, 3, 2, 1 },
        { 6, 5, 9, 8, 7, 1, 0, 4, 3, 2 }, { 7, 6, 5, 9, 8, 2, 1, 0, 4, 3 }, { 8, 7, 6, 5, 9, 3, 2, 1, 0, 4 },
        { 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 }
    };
    static const uint8_t turn[10] = { 1, 5, 7, 6, 2, 8, 3, 0, 9, 4 };
    int check = 0;
    for (int i = 0; i < n; i++) {
        int v = d[n - 1 - i];
        for (int k = 0; k < i % 8; k++)
            v = turn[v];
        check = times[check][v];
    }
    return check == 0;
}

static bool is_snomed_ct(struct dr_str text)
{
    int d[DIGITS_MAX], n = digits_of(text, d);
    return n >= 6 && n <= 18 && d[0] != 0 && is_verhoeff(d, n);
}

/* ---- codes ---- */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Up to seven digits, a hyphen and their check digit. */
static bool is_loinc(struct dr_str text)
{
    int d[DIGITS_MAX];
    if (text.n < 3 || text.n > 9 || text.p[text.n - 2] != '-' || text.p[0] == '0')
        return false;
    int n = digits_of((struct dr_str){ text.p, text.n - 2 }, d);
    if (n < 1 || !is_digit(text.p[text.n - 1]))
        return false;
    d[n] = text.p[text.n - 1] - '0';
    return luhn_sum(d, n + 1) % 10 == 0;
}

/* A letter, a digit, a third character, and after a dot, which may be left out, `most` more. */
static bool is_icd(struct dr_str text, bool third_may_be_letter, bool rest_may_be_letter, size_t most)
{
    if (text.n < 3 || !is_upper(text.p[0]) || !is_digit(text.p[1]) ||
        !(is_digit(text.p[2]) || (third_may_be_letter && is_upper(text.p[2]))))
        return false;
    bool dot = text.n > 3 && text.p[3] == '.';
    size_t from = dot ? 4 : 3;
    if (text.n - from > most || (dot && text.n == from))
        return false;
    for (size_t i = from; i < text.n; i++)
        if (!is_digit(text.p[i]) && !(rest_may_be_letter && is_upper(text.p[i])))
            return false;
    return true;
}

static bool is_icd_10(struct dr_str text)
{
    return is_icd(text, false, false, 2);
}

static bool is_icd_10_cm(struct dr_str text)
{
    return is_icd(text, true, true, 4);
}

static bool is_atc(struct dr_str text)
{
    static const char form[] = "LDDLLDD"; /* ends after 1, 3, 4, 5 or 7 */
    if (text.n == 0 || text.n > 7 || text.n == 2 || text.n == 6 || !strchr("ABCDGHJLMNPRSV", text.p[0]))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (form[i] == 'L' ? !is_upper(text.p[i]) : !is_digit(text.p[i]))
            return false;
    return true;
}

/* ---- UCUM ----
 *
 *     term      = ["/"] component (("." | "/") component)*
 *     component = "(" term ")" | {note} | number | unit [exponent] [{note}]
 *
 * Whether the letters are a unit that exists is a value set's to say. */

struct ucum {
    struct dr_str rest;
    int depth;
};

static bool ucum_term(struct ucum *u);

static char ucum_next(const struct ucum *u)
{
    return u->rest.n ? u->rest.p[0] : 0;
}

static void ucum_skip(struct ucum *u)
{
    u->rest.p++;
    u->rest.n--;
}

/* {...}: any ASCII but braces. */
static bool ucum_note(struct ucum *u)
{
    ucum_skip(u);
    while (u->rest.n && ucum_next(u) != '}' && ucum_next(u) != '{' && ucum_next(u) > 31)
        ucum_skip(u);
    if (ucum_next(u) != '}')
        return false;
    ucum_skip(u);
    return true;
}

/* The letters of a unit, [in brackets] too; digits only within brackets or before a star or hat (10*). */
static bool ucum_unit(struct ucum *u)
{
    bool inside = false, any = false;
    for (;; ucum_skip(u), any = true) {
        char c = ucum_next(u);
        if (c == (inside ? ']' : '['))
            inside = !inside;
        else if (!(isalpha((unsigned char)c) || (c && strchr("%*^'\"_", c)) ||
                   (inside && c > 32 && c < 127 && c != '[')))
            return any && !inside;
    }
}

static bool ucum_exponent(struct ucum *u)
{
    char c = ucum_next(u);
    if (c == '+' || c == '-')
        ucum_skip(u);
    bool any = false;
    for (; is_digit(ucum_next(u)); ucum_skip(u))
        any = true;
    return any || (c != '+' && c != '-');
}

static bool ucum_component(struct ucum *u)
{
    char c = ucum_next(u);
    if (c == '(') {
        ucum_skip(u);
        if (++u->depth > 20 || !ucum_term(u) || ucum_next(u) != ')')
            return false;
        ucum_skip(u);
        return true;
    }
    if (c == '{')
        return ucum_note(u);
    bool number = is_digit(c);
    while (is_digit(ucum_next(u)))
        ucum_skip(u);
    bool power = number && (ucum_next(u) == '*' || ucum_next(u) == '^'); /* 10*3 */
    if ((!number || power) && !(ucum_unit(u) && ucum_exponent(u)))
        return false;
    return ucum_next(u) != '{' || ucum_note(u);
}

static bool ucum_term(struct ucum *u)
{
    if (ucum_next(u) == '/')
        ucum_skip(u);
    for (;;) {
        if (!ucum_component(u))
            return false;
        if (ucum_next(u) != '.' && ucum_next(u) != '/')
            return true;
        ucum_skip(u);
    }
}

static bool is_ucum(struct dr_str text)
{
    struct ucum u = { text, 0 };
    return text.n > 0 && text.n <= 1000 && ucum_term(&u) && u.rest.n == 0;
}

/* ---- the checks ---- */

static const struct form {
    const char *name, *words;
    bool (*fits)(struct dr_str text);
} forms[] = { { "nhs_number", "an NHS number", is_nhs_number },
              { "npi", "an NPI", is_npi },
              { "luhn", "a number with a Luhn check digit", is_luhn },
              { "dea_number", "a DEA number", is_dea_number },
              { "gtin", "a GTIN", is_gtin },
              { "snomed_ct", "a SNOMED CT identifier", is_snomed_ct },
              { "loinc", "a LOINC code", is_loinc },
              { "icd_10", "an ICD-10 code", is_icd_10 },
              { "icd_10_cm", "an ICD-10-CM code", is_icd_10_cm },
              { "atc", "an ATC code", is_atc },
              { "ucum", "a UCUM unit", is_ucum } };

static const struct form *form_asked(const struct dr_eval *e)
{
    const char *name = dr_eval_text(e, "identifier", NULL);
    if (!name)
        name = dr_eval_text(e, "code_system", "");
    for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++)
        if (dr_streq(forms[k].name, name))
            return &forms[k];
    return NULL; /* not reached: the argument is a choice */
}

static int has_form(void *ctx, struct dr_str text, struct dr_err *err)
{
    const struct form *form = ctx;
    (void)err;
    return form->fits(text);
}

static int32_t identifier(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct form form = *form_asked(e);
    DR_TRY(dr_scan_text(e->plan, e->columns[0], has_form, &form, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_identifier(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    (void)dr_buf_printf(out, "%s %s%s", how == DR_SAY_ONE ? "is" : "are",
                        e->check->unexpected_count ? "not " : "", form_asked(e)->words);
}

static const struct dr_expect_arg identifier_args[] = {
    DR_ARG_COLUMN,
    { "identifier", "choice nhs_number|npi|luhn|dea_number|gtin|snomed_ct", NULL,
      "Which identifier: its length, form and check digit.", true },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg code_args[] = {
    DR_ARG_COLUMN,
    { "code_system", "choice icd_10|icd_10_cm|loinc|ucum|snomed_ct|atc", NULL,
      "Which code system. A dot in an ICD code may be left out.", true },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_be_valid_identifier", "column_map",
                "Every value is an identifier whose check digit is right.",
                "Texts are taken as they are written: no spaces around them; an NHS number may be written in "
                "groups (943 476 5919).",
                "expect_column_values_to_be_valid_identifier: {column: nhs_number, identifier: nhs_number}",
                DR_ARGS(identifier_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .rows = identifier,
      .say = say_identifier },
    { .info = { "expect_column_values_to_be_valid_code", "column_map",
                "Every value has the form of a code of a clinical code system.",
                "The form and the check digit (LOINC, SNOMED CT) are looked at, not whether the code exists: "
                "that "
                "is expect_column_values_to_be_in_value_set.",
                "expect_column_values_to_be_valid_code: {column: diagnosis, code_system: icd_10}",
                DR_ARGS(code_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .rows = identifier,
      .say = say_identifier },
};
const struct dr_check_group dr_checks_identifier = { types, (int32_t)(sizeof types / sizeof types[0]) };
