// SPDX-License-Identifier: Apache-2.0
//
// A broker that means harm: it has heard everything that was said, holds the certificate of an
// application, and hands members whatever it likes, on any topic. It cannot compute a tag or
// signature of another.

#include "tests/sim/certifier.h"
#include "tests/sim/misfortune-core.h"

#include <string.h>

#define ITS_ID "mallory"

#define TAG_BYTES 16

// What is said again is half of the time one of the last so many.
#define RECENT 64

typedef struct {
    char *topic;
    char *to; // the member to which it went
    GBytes *payload;
} Overheard;

// A frame to be told, and to whom.
typedef struct {
    KindId kind;
    const char *from;
    const char *to; // the member; on the topic it may be all
} Lie;

gboolean malice_is(FaultKind kind)
{
    return kind >= FAULT_MOVED && kind <= FAULT_STALE;
}

void malice_overheard_free(gpointer data)
{
    Overheard *overheard = data;
    g_free(overheard->topic);
    g_free(overheard->to);
    g_bytes_unref(overheard->payload);
    g_free(overheard);
}

void malice_overhear(Misfortune *misfortune, const BrokerLeg *leg)
{
    Overheard *overheard = g_new(Overheard, 1);
    *overheard = (Overheard){g_strdup(leg->topic), g_strdup(leg->to), g_bytes_ref(leg->payload)};
    g_ptr_array_add(misfortune->overheard, overheard);
}

static const Overheard *pick_overheard(const Misfortune *misfortune, Dice *dice)
{
    guint n = misfortune->overheard->len;
    guint n_recent = dice_chance(dice, 50) ? MIN(n, RECENT) : n;
    return misfortune->overheard->pdata[n - 1 - dice_below(dice, n_recent)];
}

// --- members -------------------------------------------------------------------------------------

static const char *pick_member(const Misfortune *misfortune, Dice *dice)
{
    const GPtrArray *nodes = misfortune->world->nodes;
    const GPtrArray *applications = misfortune->world->applications;
    guint64 which = dice_below(dice, nodes->len + applications->len);
    if (which < nodes->len)
        return ((const Node *)nodes->pdata[which])->id;
    return ((const Application *)applications->pdata[which - nodes->len])->sae;
}

// The one that is there now, as everyone can read in what it says; 0: it is not.
static guint64 incarnation_of(const Misfortune *misfortune, const char *id)
{
    const World *world = misfortune->world;
    for (guint i = 0; i < world->nodes->len; i++) {
        const Node *node = world->nodes->pdata[i];
        if (strcmp(node->id, id) == 0)
            return node->core ? outbox_incarnation(node->ops->core->outbox(node->core)) : 0;
    }
    for (guint i = 0; i < world->applications->len; i++) {
        const Application *application = world->applications->pdata[i];
        if (strcmp(application->sae, id) == 0)
            return outbox_incarnation(application->outbox);
    }
    return 0;
}

// --- frames --------------------------------------------------------------------------------------

static WireFrame *open_frame(GBytes *payload, WireHeader **ret_header)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    WireFrame *frame = qkdnf__v1__frame__unpack(NULL, n_bytes, bytes);
    *ret_header =
        frame ? qkdnf__v1__header__unpack(NULL, frame->header.len, frame->header.data) : NULL;
    return frame;
}

// Not what says that nothing is retained any more, nor what was broken before.
static gboolean is_frame(GBytes *payload)
{
    WireHeader *header = NULL;
    WireFrame *frame = open_frame(payload, &header);
    gboolean is_whole = header && frame->n_messages > 0 && frame->tag.len > 0;
    wire_free(header);
    wire_free(frame);
    return is_whole;
}

static ProtobufCBinaryData view_of(GBytes *bytes)
{
    gsize n_bytes = 0;
    gconstpointer data = g_bytes_get_data(bytes, &n_bytes);
    return (ProtobufCBinaryData){n_bytes, (guint8 *)data};
}

static GBytes *close_frame(const WireFrame *frame, const WireHeader *header)
{
    g_autoptr(GBytes) packed = message_pack(&header->base);
    WireFrame closed = *frame;
    closed.header = view_of(packed);
    return message_pack(&closed.base);
}

// The frame as that one would have said it to this one now, with the tag that it had.
static GBytes *address(const Misfortune *misfortune, GBytes *payload, const Lie *lie)
{
    WireHeader *header = NULL;
    WireFrame *frame = open_frame(payload, &header);
    WireHeader other = *header;
    gboolean to_all = kind_get(lie->kind)->to_all;
    other.kind = (char *)kind_get(lie->kind)->name;
    other.from = (char *)lie->from;
    other.to = (char *)(to_all ? ID_ALL : lie->to);
    other.incarnation = incarnation_of(misfortune, lie->from);
    other.receiver = to_all ? 0 : incarnation_of(misfortune, lie->to);
    GBytes *addressed = close_frame(frame, &other);
    wire_free(header);
    wire_free(frame);
    return addressed;
}

// As it was, or to another reader of what is for all, it is no lie, and not told.
static void tell(const Misfortune *misfortune, const BrokerLeg *leg, const Lie *lie,
                 GBytes *payload)
{
    const char *to = kind_get(lie->kind)->to_all ? ID_ALL : lie->to;
    g_autofree char *topic = topic_format(lie->kind, lie->from, to);
    if (strcmp(topic, leg->topic) != 0 || !g_bytes_equal(payload, leg->payload))
        broker_slip(misfortune->world->broker, lie->to, topic, payload, WORLD_HOP_US);
}

// --- moved, reflected, replayed ------------------------------------------------------------------

// One of a member to a member for another such, one to all for another such: else nobody reads it.
static KindId pick_kind(KindId like, Dice *dice)
{
    KindId kind;
    do
        kind = (KindId)dice_below(dice, N_KINDS);
    while (kind_get(kind)->to_all != kind_get(like)->to_all);
    return kind;
}

static void move(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    Lie lie = {leg->kind, leg->from, leg->to};
    guint64 which = dice_below(dice, 3);
    if (which == 0)
        lie.kind = pick_kind(leg->kind, dice);
    else if (which == 1)
        lie.from = pick_member(misfortune, dice);
    else
        lie.to = pick_member(misfortune, dice);
    g_autoptr(GBytes) payload =
        dice_chance(dice, 25) ? g_bytes_ref(leg->payload) : address(misfortune, leg->payload, &lie);
    tell(misfortune, leg, &lie, payload);
}

static void reflect(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    Lie lie = {leg->kind, leg->to, leg->from};
    g_autoptr(GBytes) payload =
        dice_chance(dice, 25) ? g_bytes_ref(leg->payload) : address(misfortune, leg->payload, &lie);
    tell(misfortune, leg, &lie, payload);
}

static void replay(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    const Overheard *overheard = pick_overheard(misfortune, dice);
    broker_slip(misfortune->world->broker, overheard->to, overheard->topic, overheard->payload,
                dice_between(dice, 1, 2 * WORLD_HOP_US));
}

// --- altered -------------------------------------------------------------------------------------

static GBytes *flip(GBytes *payload, Dice *dice)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    guint8 *changed = g_memdup2(bytes, n_bytes);
    changed[dice_below(dice, n_bytes)] ^= (guint8)(1u << dice_below(dice, 8));
    return g_bytes_new_take(changed, n_bytes);
}

static void alter_header(WireHeader *header, Dice *dice)
{
    guint64 *const numbers[] = {&header->incarnation, &header->sequence, &header->sent_at_us,
                                &header->expires_at_us, &header->receiver};
    guint64 which = dice_below(dice, G_N_ELEMENTS(numbers));
    *numbers[which] += (guint64)dice_between(dice, 1, 1000);
}

// The messages are each under its own field: what is left out, said twice or exchanged decodes
// well.
static void alter_messages(WireFrame *frame, ProtobufCBinaryData *messages, Dice *dice)
{
    memcpy(messages, frame->messages, frame->n_messages * sizeof *messages);
    messages[frame->n_messages] = messages[dice_below(dice, frame->n_messages)];
    if (frame->n_messages > 1 && dice_chance(dice, 50))
        frame->n_messages--;
    else
        frame->n_messages++;
    frame->messages = messages;
}

static void alter_seal(WireFrame *frame, Dice *dice)
{
    switch (dice_below(dice, 4)) {
    case 0:
        frame->algorithm =
            (Qkdnf__V1__Algorithm)((frame->algorithm + dice_between(dice, 1, 3)) % 4);
        break;
    case 1:
        frame->pre_shared += (guint32)dice_between(dice, 1, 1000);
        break;
    case 2:
        frame->tag.len = dice_below(dice, frame->tag.len);
        break;
    default:
        frame->introduction = frame->header;
    }
}

static GBytes *altered(GBytes *payload, Dice *dice)
{
    WireHeader *header = NULL;
    WireFrame *frame = open_frame(payload, &header);
    WireFrame other = *frame;
    g_autofree ProtobufCBinaryData *messages = g_new(ProtobufCBinaryData, frame->n_messages + 1);
    guint64 which = dice_below(dice, 3);
    if (which == 0)
        alter_header(header, dice);
    else if (which == 1)
        alter_messages(&other, messages, dice);
    else
        alter_seal(&other, dice);
    GBytes *changed = close_frame(&other, header);
    wire_free(header);
    wire_free(frame);
    return changed;
}

static void alter(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    g_autoptr(GBytes) payload =
        dice_chance(dice, 40) ? flip(leg->payload, dice) : altered(leg->payload, dice);
    broker_slip(misfortune->world->broker, leg->to, leg->topic, payload, 1);
}

// --- invented ------------------------------------------------------------------------------------

static gsize no_tag(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    return 0;
}

static gsize some_tag(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    for (guint i = 0; i < TAG_BYTES; i++)
        ret_tag[i] = (guint8)dice_next(data);
    return TAG_BYTES;
}

// The birth of another, or in a role that is not its own, under the certificate that it has.
static GBytes *false_birth(const Misfortune *misfortune, const char *from, Dice *dice)
{
    static const Role roles[] = {ROLE_PLATFORM, ROLE_AGENT, ROLE_OPERATOR, ROLE_APPLICATION};
    // In its own name, the last would be the truth.
    guint n_roles = G_N_ELEMENTS(roles) - (strcmp(from, ITS_ID) == 0 ? 1 : 0);
    guint8 share[SHARE_BYTES];
    Random random = dice_random(dice);
    random_fill(&random, share, sizeof share);
    g_autoptr(Credentials) credentials = certifier_new(ITS_ID, ROLE_APPLICATION);
    guint64 later = dice_chance(dice, 50) ? 1u << 20 : 0;
    Identity identity = {from, roles[dice_below(dice, n_roles)],
                         incarnation_of(misfortune, from) + later, share};
    return presence_pack(&identity, 1, dice_chance(dice, 80), credentials,
                         world_now(misfortune->world));
}

// What was said before, said anew: of the next number, and with a tag that nobody has computed.
static GBytes *said_anew(const Misfortune *misfortune, const BrokerLeg *leg, GBytes *introduction,
                         Dice *dice)
{
    WireHeader *header = NULL;
    WireFrame *frame = open_frame(leg->payload, &header);
    FrameHead head = {leg->kind,
                      leg->from,
                      header->to,
                      header->incarnation + (introduction ? 1u << 20 : 0),
                      header->sequence + dice_below(dice, 5000),
                      world_now(misfortune->world),
                      header->receiver};
    FrameSeal seal = {(Qkdnf__V1__Algorithm)dice_below(dice, 4), 0, introduction,
                      dice_chance(dice, 25) ? no_tag : some_tag, dice};
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (gsize i = 0; i < frame->n_messages; i++)
        g_ptr_array_add(messages, g_bytes_new(frame->messages[i].data, frame->messages[i].len));
    GBytes *anew = frame_pack_sealed(&head, (GBytes *const *)messages->pdata, messages->len, &seal);
    wire_free(header);
    wire_free(frame);
    return anew;
}

static void invent(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    gboolean is_its_own = dice_chance(dice, 30);
    const char *from = is_its_own ? ITS_ID : leg->from;
    g_autoptr(GBytes) birth = false_birth(misfortune, from, dice);
    if (is_its_own || leg->kind == KIND_PRESENCE || dice_chance(dice, 30)) {
        tell(misfortune, leg, &(Lie){KIND_PRESENCE, from, leg->to}, birth);
        return;
    }
    GBytes *introduction = dice_chance(dice, 30) ? birth : NULL;
    g_autoptr(GBytes) payload = said_anew(misfortune, leg, introduction, dice);
    broker_slip(misfortune->world->broker, leg->to, leg->topic, payload, WORLD_HOP_US);
}

// --- withheld, stale -----------------------------------------------------------------------------

static void withhold(Misfortune *misfortune, Place *place, Dice *dice)
{
    place->withheld_until_us =
        world_now(misfortune->world) + dice_between(dice, 10 * MS, 5000 * MS);
}

// One of the things that were ever retained on that topic.
static const Overheard *pick_stale(const Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    g_autoptr(GPtrArray) candidates = g_ptr_array_new();
    for (guint i = 0; i < misfortune->overheard->len; i++) {
        Overheard *overheard = misfortune->overheard->pdata[i];
        if (strcmp(overheard->topic, leg->topic) == 0)
            g_ptr_array_add(candidates, overheard);
    }
    return candidates->pdata[dice_below(dice, candidates->len)];
}

static void go_stale(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice)
{
    const Overheard *overheard = pick_stale(misfortune, leg, dice);
    broker_slip(misfortune->world->broker, leg->to, leg->topic, overheard->payload, WORLD_HOP_US);
}

// --- chances -------------------------------------------------------------------------------------

static const struct {
    FaultKind kind;
    guint instead_percent; // the truth is kept back
    void (*tell)(Misfortune *misfortune, const BrokerLeg *leg, Dice *dice);
} lies[] = {
    {FAULT_MOVED, 50, move},    {FAULT_REFLECTED, 50, reflect}, {FAULT_REPLAYED, 20, replay},
    {FAULT_ALTERED, 50, alter}, {FAULT_INVENTED, 20, invent},   {FAULT_STALE, 80, go_stale},
};

void malice_on_delivery(Misfortune *misfortune, Place *place, const BrokerLeg *leg, GArray *delays)
{
    Dice dice;
    if (misfortune_happens(misfortune, place, FAULT_WITHHELD, "", &dice))
        withhold(misfortune, place, &dice);
    if (world_now(misfortune->world) < place->withheld_until_us)
        g_array_set_size(delays, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(lies); i++) {
        if (lies[i].kind == FAULT_STALE && !leg->is_retained)
            continue;
        if (!misfortune_happens(misfortune, place, lies[i].kind, "", &dice))
            continue;
        if (is_frame(leg->payload))
            lies[i].tell(misfortune, leg, &dice);
        if (dice_chance(&dice, lies[i].instead_percent))
            g_array_set_size(delays, 0);
    }
}
