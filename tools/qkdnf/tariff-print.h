#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A tariff, for people and for programs.

#include "schemas/wire.h"

#include <jansson.h>

// null: there is none.
json_t *tariff_json(const WireTariff *tariff);
// In one line; to be freed.
char *tariff_format(const WireTariff *tariff);

// Of a price or a record, in lower case.
const char *usage_purpose_name(Qkdnf__V1__UsagePurpose purpose);
