#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The envelope: what is in the payload of a publish. Bytes in, checked messages out, and back; no
// I/O. Sizes are bounded before anything is unpacked.

#include "topics/topic.h"

// No payload on the bus is larger, in bytes.
#define FRAME_MAX_BYTES (1024 * 1024)
// Nor does a frame carry more messages: an empty one is two bytes, but work for the receiver.
#define FRAME_MAX_MESSAGES 4096

// Why a publish was ignored; counted by the daemon.
typedef enum {
    REFUSAL_NONE,
    REFUSAL_TOPIC,       // not of the grammar, or of an unknown kind
    REFUSAL_ADDRESS,     // not addressed to this member
    REFUSAL_SIZE,        // larger, or more of them, than allowed
    REFUSAL_DECODE,      // not decodable, no message, or text that is not UTF-8
    REFUSAL_MISMATCH,    // header and topic disagree
    REFUSAL_EXPIRED,     // too late
    REFUSAL_STRANGER,    // the sender's presence is not known
    REFUSAL_CERTIFICATE, // not by the federation's authority, not the sender's, expired or revoked
    REFUSAL_INCARNATION, // of an earlier life of the sender, or for one of this member
    REFUSAL_PRE_SHARED,  // the two ends do not have the same pre-shared key
    REFUSAL_TAG,         // forged or changed: tag or signature is not that of the frame
    REFUSAL_REPLAY,      // came before
    REFUSAL_ROLE,        // the sender's role may not send this kind
    REFUSAL_STATE,       // nor the state of its membership
    REFUSAL_UNHANDLED,   // this member has no use for this kind
    REFUSAL_QUOTA,       // more than the sender's share
    N_REFUSALS,
} Refusal;

const char *refusal_name(Refusal refusal);

typedef struct {
    WireHeader *header;
    ProtobufCMessage **messages; // of the kind's type
    gsize n_messages;
} Frame;

// Looks at a frame whose header agrees with the topic, before its messages are unpacked.
typedef Refusal (*FrameCheckFn)(gpointer data, const Topic *topic, const WireFrame *frame,
                                const WireHeader *header);

// Reads the payload of a publish on `topic`. NULL when it is refused, and then why.
Frame *frame_parse(const Topic *topic, const guint8 *bytes, gsize n_bytes, Refusal *ret_refusal);
Frame *frame_parse_checked(const Topic *topic, const guint8 *bytes, gsize n_bytes,
                           FrameCheckFn check, gpointer data, Refusal *ret_refusal);
void frame_free(Frame *frame);

// Packs a frame of `n_messages` packed messages; times in microseconds since 1970-01-01 UTC.
typedef struct {
    KindId kind;
    const char *from;
    const char *to;
    guint64 incarnation;
    guint64 sequence;
    gint64 sent_at_us;
    guint64 receiver; // its incarnation; 0: to all
} FrameHead;
GBytes *frame_pack(const FrameHead *head, GBytes *const *messages, gsize n_messages);

#define FRAME_TAG_MAX_BYTES 128

// What authenticates a frame that is packed. `make` computes the tag of the frame and returns how
// many bytes it has.
typedef struct {
    Qkdnf__V1__Algorithm algorithm;
    guint32 pre_shared;
    GBytes *introduction; // or NULL
    gsize (*make)(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES]);
    gpointer data;
} FrameSeal;
GBytes *frame_pack_sealed(const FrameHead *head, GBytes *const *messages, gsize n_messages,
                          const FrameSeal *seal);

// Hands over, piece by piece, what tag or signature are computed over: everything in the frame but
// the tag itself, each part after its length, so that no two frames give the same.
typedef void (*FrameFeedFn)(gpointer data, const guint8 *bytes, gsize n_bytes);
void frame_feed(const WireFrame *frame, FrameFeedFn feed, gpointer data);

// One message; NULL when it cannot be read, copied or quoted. Free with wire_free().
gpointer message_unpack(const ProtobufCMessageDescriptor *type, const guint8 *bytes, gsize n_bytes);

// One message, packed.
GBytes *message_pack(const ProtobufCMessage *message);

// A copy that outlives the dispatcher's; free with wire_free().
gpointer message_copy(const ProtobufCMessage *message);
// What one element of a repeated field takes.
gsize message_element_bytes(ProtobufCType type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, frame_free)
