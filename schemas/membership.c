// SPDX-License-Identifier: Apache-2.0

#include "schemas/membership.h"

#include <string.h>

#define STATE_PREFIX "MEMBER_STATE_"

#define FIRST QKDNF__V1__PURPOSE__PURPOSE_RELAY
#define LAST  QKDNF__V1__PURPOSE__PURPOSE_SHARE

static const char *const purpose_names[] = {
    [QKDNF__V1__PURPOSE__PURPOSE_RELAY] = "relay",
    [QKDNF__V1__PURPOSE__PURPOSE_SERVE_VISITOR] = "serve-visitor",
    [QKDNF__V1__PURPOSE__PURPOSE_REROUTE] = "reroute",
    [QKDNF__V1__PURPOSE__PURPOSE_SHARE] = "share",
};

const char *member_state_name(Qkdnf__V1__MemberState state)
{
    if (state == QKDNF__V1__MEMBER_STATE__MEMBER_STATE_UNSPECIFIED)
        return "NONE";
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&qkdnf__v1__member_state__descriptor, (int)state);
    return value ? value->name + strlen(STATE_PREFIX) : "UNKNOWN";
}

gboolean purpose_find(const char *name, Qkdnf__V1__Purpose *ret_purpose)
{
    for (guint purpose = FIRST; purpose <= LAST; purpose++) {
        if (strcmp(purpose_names[purpose], name) != 0)
            continue;
        *ret_purpose = (Qkdnf__V1__Purpose)purpose;
        return TRUE;
    }
    return FALSE;
}

char *purposes_format(Purposes purposes)
{
    GString *text = g_string_new(NULL);
    for (guint purpose = FIRST; purpose <= LAST; purpose++) {
        if (purposes & PURPOSE_BIT(purpose))
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", purpose_names[purpose]);
    }
    return g_string_free(text->len > 0 ? text : g_string_append(text, "none"), FALSE);
}

Purposes purposes_of(const Qkdnf__V1__Purpose *list, gsize n)
{
    Purposes purposes = 0;
    for (gsize i = 0; i < n; i++) {
        if (list[i] >= FIRST && list[i] <= LAST)
            purposes |= PURPOSE_BIT(list[i]);
    }
    return purposes;
}

gsize purposes_list(Purposes purposes, Qkdnf__V1__Purpose ret_list[PURPOSES_MAX])
{
    gsize n = 0;
    for (guint purpose = FIRST; purpose <= LAST; purpose++) {
        if (purposes & PURPOSE_BIT(purpose))
            ret_list[n++] = (Qkdnf__V1__Purpose)purpose;
    }
    return n;
}

Purposes purposes_from_names(char *const *names)
{
    if (!names || !names[0])
        return PURPOSES_ALL;
    Purposes purposes = 0;
    for (; *names; names++) {
        Qkdnf__V1__Purpose purpose;
        if (purpose_find(*names, &purpose))
            purposes |= PURPOSE_BIT(purpose);
    }
    return purposes;
}
