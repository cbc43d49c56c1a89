#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The texts of keys in a JSON body, kept from the JSON library: what that frees, it does not wipe.

#include "topics/base/secret.h"

// Moves each text that is the value of a member "key" out of the body, which holds the number of it
// instead: its place in what is returned, of Secret, each with a zero byte behind it. What is no
// JSON is left for its reader to say, and so is that a name or a text is written as no encoder
// writes them.
GPtrArray *key_texts_take(Secret *body);
