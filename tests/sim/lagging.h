#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A store that lies about durability: a commit reaches the disk only with the next one, so that a
// crash loses the last. To show that whoever watches would notice.

#include "topics/base/store.h"

Store *store_new_lagging(StoreDisk *disk);
