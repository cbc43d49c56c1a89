// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/chronicle.h"

#include "schemas/status.h"
#include "topics/base/log.h"

#include <string.h>

// What names a conversation, or part of one, in messages, and as what it stands in the log.
static const struct {
    const char *field;
    const char *key;
} ids[] = {
    {"request", "request"}, {"session", "session"}, {"record", "record"},
    {"link", "link"},       {"sae", "application"}, {"key_ids", "keys"},
};

// The kinds whose own ID is that of what people follow.
static const struct {
    KindId kind;
    const char *key;
} own_ids[] = {
    {KIND_REQUEST, "request"}, {KIND_REPLY, "request"},     {KIND_FAULT, "fault"},
    {KIND_NOTICE, "fault"},    {KIND_HANDOVER, "handover"}, {KIND_HANDOVER_STATE, "handover"},
};

// Pairs of a key and a text, for one line.
typedef struct {
    GPtrArray *pairs; // const char *, those that are kept below among them
    GPtrArray *kept;  // char *
} Line;

static void line_init(Line *line, const char *member)
{
    line->pairs = g_ptr_array_new();
    line->kept = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(line->pairs, (gpointer) "member");
    g_ptr_array_add(line->pairs, (gpointer)member);
}

static void line_add(Line *line, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    g_ptr_array_add(line->pairs, (gpointer)key);
    g_ptr_array_add(line->pairs, (gpointer)value);
}

static void line_take(Line *line, const char *key, char *value)
{
    g_ptr_array_add(line->kept, value);
    line_add(line, key, value);
}

static void line_take_list(Line *line, const char *key, char *const *texts, gsize n_texts)
{
    GString *list = g_string_new(NULL);
    for (gsize i = 0; i < n_texts; i++)
        g_string_append_printf(list, "%s%s", i > 0 ? "," : "", texts[i]);
    line_take(line, key, g_string_free(list, FALSE));
}

static void line_write(Line *line, GLogLevelFlags level, const char *message)
{
    g_ptr_array_add(line->pairs, NULL);
    log_pairs(level, message, (const char *const *)line->pairs->pdata);
    g_ptr_array_unref(line->pairs);
    g_ptr_array_unref(line->kept);
}

// --- events --------------------------------------------------------------------------------------

// The subject of `request.granted` is a request.
static const char *subject_key(const char *name)
{
    static const char *const keys[] = {"request", "session", "handover"};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (g_str_has_prefix(name, keys[i]) && name[strlen(keys[i])] == '.')
            return keys[i];
    }
    return "subject";
}

static GLogLevelFlags level_of(Qkdnf__V1__Severity severity)
{
    if (severity >= QKDNF__V1__SEVERITY__SEVERITY_ALARM)
        return G_LOG_LEVEL_CRITICAL;
    return severity == QKDNF__V1__SEVERITY__SEVERITY_WARNING ? G_LOG_LEVEL_WARNING
                                                             : G_LOG_LEVEL_INFO;
}

static void log_event(const char *member, const WireEvent *event)
{
    Line line;
    line_init(&line, member);
    line_add(&line, subject_key(event->name), event->subject);
    line_add(&line, "text", event->text);
    line_add(&line, "cause", event->cause);
    line_take_list(&line, "old_path", event->old_path, event->n_old_path);
    line_take_list(&line, "new_path", event->new_path, event->n_new_path);
    if (event->duration_us > 0)
        line_take(&line, "duration_us", g_strdup_printf("%" G_GUINT64_FORMAT, event->duration_us));
    line_write(&line, level_of(event->severity), event->name);
}

// --- messages ------------------------------------------------------------------------------------

static const char *id_key(KindId kind, const char *field)
{
    for (gsize i = 0; strcmp(field, "id") == 0 && i < G_N_ELEMENTS(own_ids); i++) {
        if (own_ids[i].kind == kind)
            return own_ids[i].key;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        if (strcmp(ids[i].field, field) == 0)
            return ids[i].key;
    }
    return strcmp(field, "id") == 0 ? "id" : NULL;
}

static gboolean is_chosen(const ProtobufCFieldDescriptor *field, const guint8 *base)
{
    return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
           *(const guint32 *)(base + field->quantifier_offset) == field->id;
}

static void add_field(Line *line, const char *key, const ProtobufCFieldDescriptor *field,
                      const guint8 *base)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        line_add(line, key, *(const char *const *)(base + field->offset));
    else
        line_take_list(line, key, *(char *const *const *)(base + field->offset),
                       *(const gsize *)(base + field->quantifier_offset));
}

// Of the message, and of the command in it.
static void add_ids(Line *line, KindId kind, const ProtobufCMessage *message)
{
    const guint8 *base = (const guint8 *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *key = id_key(kind, field->name);
        if (!is_chosen(field, base))
            continue;
        if (field->type == PROTOBUF_C_TYPE_STRING && key)
            add_field(line, key, field, base);
        else if (field->type == PROTOBUF_C_TYPE_ENUM && strcmp(field->name, "status") == 0)
            line_add(line, "status", status_name(*(const Status *)(base + field->offset)));
        else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
                 field->type == PROTOBUF_C_TYPE_MESSAGE)
            add_ids(line, kind, *(ProtobufCMessage *const *)(base + field->offset));
    }
}

static void log_message(const char *member, const char *what, const Topic *topic,
                        const ProtobufCMessage *message)
{
    Line line;
    line_init(&line, member);
    line_add(&line, "kind", kind_get(topic->kind)->name);
    line_add(&line, "from", topic->from);
    line_add(&line, "to", topic->to);
    add_ids(&line, topic->kind, message);
    line_write(&line, G_LOG_LEVEL_DEBUG, what);
}

static void log_frame(const char *member, const char *what, const char *text, const guint8 *payload,
                      gsize n_bytes)
{
    Topic topic;
    Refusal refusal;
    if (!topic_parse(text, &topic))
        return;
    g_autoptr(Frame) frame = frame_parse(&topic, payload, n_bytes, &refusal);
    for (gsize i = 0; frame && i < frame->n_messages; i++) {
        if (topic.kind == KIND_EVENT)
            log_event(member, (const WireEvent *)frame->messages[i]);
        else
            log_message(member, what, &topic, frame->messages[i]);
    }
}

void chronicle_said(const char *member, const Publish *publish)
{
    if (publish->kind != KIND_EVENT && !log_has_debug())
        return;
    gsize n_bytes;
    const guint8 *payload = g_bytes_get_data(publish->payload, &n_bytes);
    log_frame(member, "said", publish->topic, payload, n_bytes);
}

void chronicle_heard(const char *member, const char *topic, const guint8 *payload, gsize n_bytes)
{
    if (log_has_debug())
        log_frame(member, "heard", topic, payload, n_bytes);
}
