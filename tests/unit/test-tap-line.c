// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/tap-line.h"
#include "topics/kind.h"

#include <string.h>

static void assert_line(const char *publish, gboolean colours, const char *expected)
{
    json_error_t error;
    json_t *object = json_loads(publish, 0, &error);
    g_assert_nonnull(object);
    g_autofree char *text = tap_line_format(object, colours);
    g_assert_cmpstr(text, ==, expected);
    json_decref(object);
}

#define HEADER "'kind':'order','from':'platform','to':'vienna','sent_at_us':1700000000123456"

static char *publish_of(const char *messages)
{
    g_autofree char *single = g_strconcat("{" HEADER ",'messages':[", messages, "]}", NULL);
    return g_strdelimit(g_steal_pointer(&single), "'", '"');
}

static void assert_fields(const char *message, const char *expected)
{
    g_autofree char *publish = publish_of(message);
    g_autofree char *line =
        g_strconcat("22:13:20.123456 order         platform → vienna  ", expected, "\n", NULL);
    assert_line(publish, FALSE, line);
}

static void test_fields(void)
{
    assert_fields("{'request':'r1','attempt':0,'number':3,'ok':true,'off':false,'none':[]}",
                  "request=r1 number=3 ok=true");
    assert_fields("{'targets':['a','b'],'branches':[{'role':'BRANCH_ROLE_TRANSIT','path':1}]}",
                  "targets=[a,b] branches=[{role=TRANSIT,path=1}]");
    assert_fields("{'status':'STATUS_NO_ROUTE','scope':'FAULT_SCOPE_LINK','text':'no way'}",
                  "status=NO_ROUTE scope=LINK text=\"no way\"");
}

static void test_a_line_for_each_message(void)
{
    g_autofree char *publish = publish_of("{'request':'r1'},{'request':'r2'}");
    assert_line(publish, FALSE,
                "22:13:20.123456 order         platform → vienna  request=r1\n"
                "22:13:20.123456 order         platform → vienna  request=r2\n");
    assert_line(publish, TRUE,
                "22:13:20.123456 \033[33morder         \033[0mplatform → vienna  request=r1\n"
                "22:13:20.123456 \033[33morder         \033[0mplatform → vienna  request=r2\n");
}

static void test_nothing_reaches_the_terminal(void)
{
    assert_fields("{'text':'\\u001b[2J\\n\\u009b31m'}", "text=\"\\u001B[2J\\n\\u009B31m\"");
    assert_fields("{'text':'\\u007f'}", "text=\"\\u007F\"");
    assert_fields("{'text':'a=b,c'}", "text=\"a=b,c\"");
    assert_fields("{'text':'Österreich'}", "text=Österreich");
}

static void test_long_values_are_cut(void)
{
    g_autofree char *hex = g_strnfill(80, 'a');
    g_autofree char *value = g_strdup_printf("{'value':'%s'}", hex);
    assert_fields(value, "value=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…(40 B)");
    g_autofree char *words = g_strnfill(200, 'z');
    g_autofree char *cut = g_strnfill(120, 'z');
    g_autofree char *text = g_strdup_printf("{'text':'%s'}", words);
    g_autofree char *expected = g_strdup_printf("text=%s…", cut);
    assert_fields(text, expected);
}

// As decode_message() gives them.
static void test_sessions_and_handovers(void)
{
    assert_fields("{'session':'s1','phase':'SESSION_PHASE_ACTIVE','qos':{'rate_bps':2560,"
                  "'protected':true},'paths':[{'target':'b','providers':['x','y']}]}",
                  "session=s1 phase=ACTIVE qos={rate_bps=2560,protected=true} "
                  "paths=[{target=b,providers=[x,y]}]");
    assert_fields("{'session':'s1','phase':'LEG_PHASE_FREEZE','left':[{'first':3,'end':7}]}",
                  "session=s1 phase=FREEZE left=[{first=3,end=7}]");
    assert_fields("{'sae':'a','phase':'HANDOVER_PHASE_FALLEN_BACK','kme_url':'https://h:1'}",
                  "sae=a phase=FALLEN_BACK kme_url=https://h:1");
    assert_fields("{'sae':'a','mode':'ROAMING_MODE_HOME_ROUTED'}", "sae=a mode=HOME_ROUTED");
}

// Names of kinds make one column.
static void test_all_kinds_fit(void)
{
    for (KindId kind = 0; kind < N_KINDS; kind++) {
        g_autofree char *publish = g_strdup_printf(
            "{\"kind\":\"%s\",\"from\":\"a\",\"to\":\"b\",\"sent_at_us\":0,\"messages\":[{}]}",
            kind_get(kind)->name);
        json_t *object = json_loads(publish, 0, NULL);
        g_autofree char *line = tap_line_format(object, FALSE);
        g_assert_cmpint(g_utf8_strlen(line, -1), ==,
                        strlen("22:13:20.123456 ") + 14 + strlen("a > b  \n"));
        json_decref(object);
    }
}

static void test_what_is_not_readable(void)
{
    assert_line("{\"topic\":\"x/y\",\"refused\":\"topic\",\"n_bytes\":7}", FALSE,
                "unreadable    topic=x/y refused=topic n_bytes=7\n");
}

int main(int argc, char **argv)
{
    g_setenv("TZ", "UTC", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tap-line/fields", test_fields);
    g_test_add_func("/tap-line/a-line-for-each-message", test_a_line_for_each_message);
    g_test_add_func("/tap-line/nothing-reaches-the-terminal", test_nothing_reaches_the_terminal);
    g_test_add_func("/tap-line/long-values-are-cut", test_long_values_are_cut);
    g_test_add_func("/tap-line/sessions-and-handovers", test_sessions_and_handovers);
    g_test_add_func("/tap-line/all-kinds-fit", test_all_kinds_fit);
    g_test_add_func("/tap-line/what-is-not-readable", test_what_is_not_readable);
    return g_test_run();
}
