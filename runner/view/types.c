/* The table of types, sorted in no order: it is searched when a path is compiled, and
 * by suffix only where an element is absent under its own name. */
#include "view/types.h"

struct type {
    struct dr_str name;
    enum dr_fhir_class class;
    uint8_t base; /* the type it specialises, or 0 */
};
#define TYPE(text, kind, of)                                                                                 \
    {                                                                                                        \
        { text, sizeof(text) - 1 }, DR_CLASS_##kind, of                                                      \
    }
#define COMPLEX(text) TYPE(text, OBJECT, 0)
#define URI DR_FHIR_NAMED
#define QUANTITY (DR_FHIR_NAMED + 1)

static const struct type types[] = {
    TYPE("", NONE, 0),
    TYPE("boolean", BOOL, 0),
    TYPE("integer", NUMBER, 0),
    TYPE("decimal", NUMBER, 0),
    TYPE("string", TEXT, 0),
    TYPE("date", TEXT, 0),
    TYPE("dateTime", TEXT, 0),
    TYPE("instant", TEXT, 0),
    TYPE("time", TEXT, 0),
    TYPE("integer64", NUMBER, 0),
    TYPE("uri", TEXT, 0),
    TYPE("Quantity", OBJECT, 0),
    TYPE("positiveInt", NUMBER, DR_FHIR_INTEGER),
    TYPE("unsignedInt", NUMBER, DR_FHIR_INTEGER),
    TYPE("code", TEXT, DR_FHIR_STRING),
    TYPE("id", TEXT, DR_FHIR_STRING),
    TYPE("markdown", TEXT, DR_FHIR_STRING),
    TYPE("url", TEXT, URI),
    TYPE("canonical", TEXT, URI),
    TYPE("uuid", TEXT, URI),
    TYPE("oid", TEXT, URI),
    TYPE("base64Binary", TEXT, 0),
    TYPE("xhtml", TEXT, 0),
    TYPE("Age", OBJECT, QUANTITY),
    TYPE("Count", OBJECT, QUANTITY),
    TYPE("Distance", OBJECT, QUANTITY),
    TYPE("Duration", OBJECT, QUANTITY),
    TYPE("SimpleQuantity", OBJECT, QUANTITY),
    COMPLEX("Address"),
    COMPLEX("Annotation"),
    COMPLEX("Attachment"),
    COMPLEX("Availability"),
    COMPLEX("BackboneElement"),
    COMPLEX("CodeableConcept"),
    COMPLEX("CodeableReference"),
    COMPLEX("Coding"),
    COMPLEX("ContactDetail"),
    COMPLEX("ContactPoint"),
    COMPLEX("Contributor"),
    COMPLEX("DataRequirement"),
    COMPLEX("Dosage"),
    COMPLEX("Element"),
    COMPLEX("Expression"),
    COMPLEX("ExtendedContactDetail"),
    COMPLEX("Extension"),
    COMPLEX("HumanName"),
    COMPLEX("Identifier"),
    COMPLEX("Meta"),
    COMPLEX("Money"),
    COMPLEX("Narrative"),
    COMPLEX("ParameterDefinition"),
    COMPLEX("Period"),
    COMPLEX("Range"),
    COMPLEX("Ratio"),
    COMPLEX("RatioRange"),
    COMPLEX("Reference"),
    COMPLEX("RelatedArtifact"),
    COMPLEX("SampledData"),
    COMPLEX("Signature"),
    COMPLEX("Timing"),
    COMPLEX("TriggerDefinition"),
    COMPLEX("UsageContext"),
};
#define N_TYPES (sizeof types / sizeof types[0])

static uint8_t find(struct dr_str name)
{
    for (size_t i = 1; i < N_TYPES; i++)
        if (dr_str_eq(types[i].name, name))
            return (uint8_t)i;
    return 0;
}

/* System.String and the like are FHIRPath's own types; their names begin with a capital. */
static uint8_t find_system(struct dr_str name)
{
    static const struct {
        const char *name;
        uint8_t type;
    } system[] = { { "Boolean", DR_FHIR_BOOLEAN }, { "Integer", DR_FHIR_INTEGER },
                   { "Decimal", DR_FHIR_DECIMAL }, { "String", DR_FHIR_STRING },
                   { "Date", DR_FHIR_DATE },       { "DateTime", DR_FHIR_DATETIME },
                   { "Time", DR_FHIR_TIME },       { "Quantity", QUANTITY } };
    for (size_t i = 0; i < sizeof system / sizeof system[0]; i++)
        if (dr_str_eq(name, dr_str_of(system[i].name)))
            return system[i].type;
    return 0;
}

uint8_t dr_fhir_type_of(struct dr_str name)
{
    const struct dr_str uri = DR_LIT("http://hl7.org/fhir/StructureDefinition/"), fhir = DR_LIT("FHIR."),
                        system = DR_LIT("System.");
    if (dr_str_starts(name, uri))
        name = (struct dr_str){ name.p + uri.n, name.n - uri.n };
    if (dr_str_starts(name, fhir))
        return find((struct dr_str){ name.p + fhir.n, name.n - fhir.n });
    if (dr_str_starts(name, system))
        return find_system((struct dr_str){ name.p + system.n, name.n - system.n });
    uint8_t type = find(name);
    return type ? type : find_system(name);
}

const char *dr_fhir_type_name(uint8_t type)
{
    return types[type < N_TYPES ? type : 0].name.p;
}

enum dr_fhir_class dr_fhir_type_class(uint8_t type)
{
    return types[type < N_TYPES ? type : 0].class;
}

bool dr_fhir_type_is(uint8_t type, uint8_t base)
{
    return type == base || (type < N_TYPES && types[type].base && types[type].base == base);
}

uint8_t dr_fhir_type_special(uint8_t base, uint8_t after)
{
    for (size_t i = after + 1u; i < N_TYPES; i++)
        if (types[i].base == base)
            return (uint8_t)i;
    return 0;
}

uint8_t dr_fhir_type_of_suffix(struct dr_str suffix)
{
    if (!suffix.n || suffix.p[0] < 'A' || suffix.p[0] > 'Z')
        return 0;
    for (size_t i = 1; i < N_TYPES; i++) {
        const struct dr_str *name = &types[i].name;
        if (name->n == suffix.n && (name->p[0] & ~0x20) == suffix.p[0] &&
            memcmp(name->p + 1, suffix.p + 1, suffix.n - 1) == 0)
            return (uint8_t)i;
    }
    return 0;
}

const char *const *dr_fhir_type_names(size_t *ret_n)
{
    static const char *names[N_TYPES];
    for (size_t i = 1; i < N_TYPES; i++)
        names[i - 1] = types[i].name.p;
    *ret_n = N_TYPES - 1;
    return names;
}
