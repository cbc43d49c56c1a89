#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Reference pages in Markdown, made from the table of kinds and the comments of the schemas. No
// I/O.

#include "tools/contract/schema.h"

// What is said on the bus, kind by kind. Free with g_free().
char *pages_format_kinds(const Schema *schema);

// Every message and enum, file by file. Free with g_free().
char *pages_format_messages(const Schema *schema);

// What a field is for: its own comment, or what a field of its name means everywhere; NULL:
// neither.
const char *pages_field_meaning(const Schema *schema, const SchemaField *field);
