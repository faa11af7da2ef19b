/* connection.h - the databases of a home, by name: connections.yaml. Layer: model.
 *
 *     connections:
 *       warehouse: {type: sqlite, path: var/warehouse.db}
 *       clinic: {type: postgresql, host: db.example.org, dbname: clinic, user: etl, password:
 * "${env.CLINIC_PASSWORD}"}
 *
 * The environment variable DAGRUN_CONN_<NAME> (capitals, _ for what is no letter or
 * digit) holds a URI that takes the place of an entry. `warehouse` is always there:
 * var/warehouse.db where nothing else is said. docs/connections.md is the reference. */
#ifndef DR_CONNECTION_H
#define DR_CONNECTION_H
#include "model/home.h"

struct dr_connection {
    const char *name;
    bool postgresql;
    const char *path;          /* sqlite: absolute */
    const char *const *keys;   /* postgresql: libpq's keywords and their values */
    const char *const *values; /* secrets among them: never to be shown */
    int32_t n;
    const char *from; /* where it was read: "connections.yaml:3:5", "DAGRUN_CONN_X", or "the default" */
};
/* The connection of that name with its ${env...} replaced; DR_EDEF names the nearest where
 * there is none. */
int32_t dr_connection_find(struct dr_arena *a, const struct dr_home *h, const char *name,
                           struct dr_connection *ret, struct dr_err *err);
/* Everything that is wrong with connections.yaml; variables need not be set. */
void dr_connections_check(struct dr_arena *a, const struct dr_home *h, struct dr_diags *d);
/* The names there are, sorted. */
int32_t dr_connection_names(struct dr_arena *a, const struct dr_home *h, const char *const **ret,
                            size_t *ret_n, struct dr_err *err);
#endif
