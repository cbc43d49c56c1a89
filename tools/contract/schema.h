#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The schemas as protoc describes them, with their comments: what is published about messages is
// made from this. Bytes in; no I/O.

#include "tools/contract/descriptor.pb-c.h"

#include <glib.h>

typedef Contract__File SchemaFile;
typedef Contract__Type SchemaType;
typedef Contract__Field SchemaField;
typedef Contract__Enum SchemaEnum;
typedef Contract__EnumValue SchemaValue;

typedef struct Schema Schema;

// From a packed google.protobuf.FileDescriptorSet with source info, which is part of the program.
Schema *schema_new(GBytes *set);
void schema_free(Schema *schema);

// Sorted by name.
gsize schema_n_files(const Schema *schema);
const SchemaFile *schema_file(const Schema *schema, gsize index);

// By full name, such as `qkdnf.v1.Order`, with or without a dot in front; NULL: there is none.
const SchemaType *schema_find_type(const Schema *schema, const char *name);
const SchemaEnum *schema_find_enum(const Schema *schema, const char *name);

// The comment above a file's first line, a type, field, choice, enum or value of the schema, on one
// line for each paragraph; "" where there is none.
const char *schema_comment(const Schema *schema, gconstpointer element);

gboolean schema_field_is_repeated(const SchemaField *field);
// As it is written in a schema, without the package: `uint32`, `Branch`.
const char *schema_field_type(const SchemaField *field);
// Whether that is a message or an enum.
gboolean schema_field_is_named(const SchemaField *field);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Schema, schema_free)
