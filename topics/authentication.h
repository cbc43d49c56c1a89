#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Frames authenticated between their ends: whoever runs the broker can lose, delay and reorder what
// is said, but neither say nor change nor repeat anything.
//
// - A member's presence is signed with the key of its certificate (certificate.h), and carries that
//   certificate and a share of X25519 that is made anew with every incarnation. So is everything
//   that is addressed to all. A signature costs some 40 times the CPU time of a tag to make, and
//   some 100 times to check (`qkdnf bench authentication`; 28 and 75 us, on an AMD EPYC): presence
//   is rare, and events of one pass share a frame.
// - What is addressed to one member carries a tag under the key of the two incarnations
//   (pairwise.h). A sender that has not heard of the receiver for a while introduces itself: its
//   signed presence goes with the frame. So nobody waits for a presence that was overwritten,
//   overtaken or lost.
// - A frame for an earlier incarnation of this member is answered with this one's presence, once in
//   a while; that is how a sender learns that it has missed one.
// - A platform or agent has one incarnation at a time: the newest that was seen. Several programs
//   of an application or operator can be there under one ID, so what is addressed to it goes to
//   each of them, under the key of each.
// - A frame is taken once (replay.h).
//
// No I/O, no clock; loop thread only. All memory that others can make this one use is bounded.

#include "topics/base/random.h"
#include "topics/base/secret.h"
#include "topics/presence.h"

typedef struct Authentication Authentication;

// Makes a new share. A monitor only checks: it has none.
Authentication *authentication_new(const char *id, Role role, guint64 incarnation,
                                   const Random *random);
void authentication_free(Authentication *authentication);

const Identity *authentication_identity(const Authentication *authentication);

// Before anything else, and when a certificate was renewed or others were revoked: this member then
// announces itself again, and those whose certificates are not valid any more are not believed
// until they do so with others. Takes the credentials over.
void authentication_set_credentials(Authentication *authentication, Credentials *credentials,
                                    gint64 now_us);

// The key that this member shares with `peer`; before the first frame. Copied.
void authentication_add_pre_shared(Authentication *authentication, const char *peer,
                                   const Secret *key);

// Checks a frame of the topic. `ret_role` is the sender's, by its certificate. `ret_is_relevant` is
// FALSE for the presence of a member in whose role this one neither speaks nor listens: nothing is
// checked then, and nothing must be done with it.
Refusal authentication_check(Authentication *authentication, const Topic *topic,
                             const WireFrame *frame, const WireHeader *header, gint64 now_us,
                             Role *ret_role, gboolean *ret_is_relevant);

// The SHA-256 of the certificate of a program whose frame has passed; NULL: it is not known.
const guint8 *authentication_certificate_sha256(const Authentication *authentication,
                                                const char *id, guint64 incarnation);

// Called with each frame that is to be published on the topic of `head`.
typedef void (*AuthenticatedFn)(gpointer data, GBytes *payload);

// Packs a frame, for each incarnation of the receiver. FALSE when none is known (yet).
gboolean authentication_pack(Authentication *authentication, const FrameHead *head,
                             GBytes *const *messages, gsize n_messages, AuthenticatedFn fn,
                             gpointer data);

// Signs what is no frame of the bus, with the key of this member's certificate: as a frame that has
// nothing but these bytes. How many bytes the signature has; 0 without credentials.
gsize authentication_sign(const Authentication *authentication, const guint8 *bytes, gsize n_bytes,
                          Qkdnf__V1__Algorithm *ret_algorithm,
                          guint8 ret_signature[FRAME_TAG_MAX_BYTES]);

// The presence to be published now because somebody does not know it; NULL: none.
GBytes *authentication_announcement(Authentication *authentication, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Authentication, authentication_free)
