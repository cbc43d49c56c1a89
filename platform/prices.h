#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Prices from the platform's configuration, as they are on the wire. Each is to be freed with
// wire_free().

#include "platform/config.h"
#include "platform/rate.h"

WireTariff *tariff_from_config(const FederationTariff *tariff);
WireExchangeRate *exchange_from_config(const FederationExchange *rate,
                                       const FederationAccounts *accounts);
