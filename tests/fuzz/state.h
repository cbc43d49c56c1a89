#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What fuzz-state reads: pieces one after the other, each a name, a line feed, a length (four
// bytes, little end first) and as many bytes. First records, each `MEMBER TABLE KEY` with the key
// escaped as in C, as they stand in the stores of a federation: the platform, and the agents alpha
// and beta with a border link between them; then publishes, each under its topic.

#include "tests/sim/stage.h"

typedef struct {
    char *name;
    GBytes *bytes;
} Piece;

// FALSE at the end, and for what is not of the form. Clear with piece_clear().
gboolean piece_next(const guint8 **bytes, gsize *n_bytes, Piece *ret_piece);
void piece_clear(Piece *piece);
void piece_append(GByteArray *input, const char *name, GBytes *bytes);

// All records of a member.
void state_append(GByteArray *input, const Node *node);
// FALSE when the piece is not a record of a store of this world.
gboolean state_put(World *world, const Piece *piece);

Network *state_network(void);
// The world whose state it is: nothing in it runs yet.
World *state_world(void);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Piece, piece_clear)
