/* dagrun version: what it was built from, and with. */
#include "cmd/cmd.h"

#include "cmd/version.h"

static const char *commit(void)
{
    return DR_COMMIT[0] ? DR_COMMIT : "not from a git checkout";
}

const char *dr_version_text(void)
{
    return DR_COMMIT[0] ? DR_VERSION " (" DR_COMMIT ")" : DR_VERSION;
}

int dr_verb_version(struct dr_cmd *c)
{
    if (c->args.json) {
        struct dr_buf out = { 0 };
        struct dr_json j = { .out = &out, .indent = 2 };
        dr_json_object(&j);
        dr_json_key(&j, "version");
        dr_json_cstr(&j, DR_VERSION);
        dr_json_key(&j, "commit");
        dr_json_cstr(&j, DR_COMMIT[0] ? DR_COMMIT : NULL);
        dr_json_key(&j, "compiler");
        dr_json_cstr(&j, DR_COMPILER);
        dr_json_key(&j, "plugin_abi");
        dr_json_int(&j, DR_ABI);
        dr_json_end_object(&j);
        return dr_print_json(&out);
    }
    printf("dagrun %s\ncommit   %s\ncompiler %s\nplugin ABI %u\n", DR_VERSION, commit(), DR_COMPILER, DR_ABI);
    return DR_EXIT_OK;
}
