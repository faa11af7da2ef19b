/* types.h - the data types of FHIR (R4 and R5) that a path may name. Layer: view. */
#ifndef DR_VIEW_TYPES_H
#define DR_VIEW_TYPES_H
#include "base/str.h"

/* How a value of a type stands in JSON. */
enum dr_fhir_class { DR_CLASS_NONE, DR_CLASS_BOOL, DR_CLASS_NUMBER, DR_CLASS_TEXT, DR_CLASS_OBJECT };

/* Primitive types that evaluation asks for by name; every other type of the
 * table has a number above DR_FHIR_NAMED. */
enum dr_fhir_type {
    DR_FHIR_NONE, /* not known, or not a data type */
    DR_FHIR_BOOLEAN,
    DR_FHIR_INTEGER,
    DR_FHIR_DECIMAL,
    DR_FHIR_STRING,
    DR_FHIR_DATE,
    DR_FHIR_DATETIME,
    DR_FHIR_INSTANT,
    DR_FHIR_TIME,
    DR_FHIR_INTEGER64, /* a JSON string of digits, and a number */
    DR_FHIR_NAMED
};
/* The number of a type: "dateTime", "Quantity", "FHIR.string", "System.Integer" or
 * a StructureDefinition URI; 0 where it is no data type. */
uint8_t dr_fhir_type_of(struct dr_str name);
const char *dr_fhir_type_name(uint8_t type);
enum dr_fhir_class dr_fhir_type_class(uint8_t type);
/* Whether type is base or a specialisation of it, as code is of string. */
bool dr_fhir_type_is(uint8_t type, uint8_t base);
/* The next specialisation of base after `after` (0 to begin); 0 at the end. */
uint8_t dr_fhir_type_special(uint8_t base, uint8_t after);
/* The type that a choice element's name ends in: "Quantity" or "DateTime"; 0 where none. */
uint8_t dr_fhir_type_of_suffix(struct dr_str suffix);
/* For "did you mean". */
const char *const *dr_fhir_type_names(size_t *ret_n);
#endif
