#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The wire types under short names: what protoc-c makes of schemas/*.proto is called
// Qkdnf__V1__Order; here it is WireOrder, and an empty one is WIRE_ORDER_INIT.
//
// A message that a core sends lives on the stack and points at strings that it does not own; the
// outbox packs it at once. A message that was received belongs to the dispatcher.

#include "schemas/admin.pb-c.h"
#include "schemas/agreement.pb-c.h"
#include "schemas/application.pb-c.h"
#include "schemas/discovery.pb-c.h"
#include "schemas/event.pb-c.h"
#include "schemas/fault.pb-c.h"
#include "schemas/frame.pb-c.h"
#include "schemas/handover.pb-c.h"
#include "schemas/ledger.pb-c.h"
#include "schemas/leg.pb-c.h"
#include "schemas/membership.pb-c.h"
#include "schemas/metrics.pb-c.h"
#include "schemas/order.pb-c.h"
#include "schemas/presence.pb-c.h"
#include "schemas/relay.pb-c.h"
#include "schemas/request.pb-c.h"
#include "schemas/resource.pb-c.h"
#include "schemas/session.pb-c.h"
#include "schemas/settlement.pb-c.h"
#include "schemas/tariff.pb-c.h"
#include "schemas/usage.pb-c.h"
#include "schemas/visit.pb-c.h"

#include <glib.h>

typedef Qkdnf__V1__AccountsCommand WireAccountsCommand;
typedef Qkdnf__V1__Admin WireAdmin;
typedef Qkdnf__V1__AdminReply WireAdminReply;
typedef Qkdnf__V1__AgentCommand WireAgentCommand;
typedef Qkdnf__V1__Agreement WireAgreement;
typedef Qkdnf__V1__AgreementCommand WireAgreementCommand;
typedef Qkdnf__V1__AgreementQuery WireAgreementQuery;
typedef Qkdnf__V1__AgreementTerms WireAgreementTerms;
typedef Qkdnf__V1__Application WireApplication;
typedef Qkdnf__V1__Apply WireApply;
typedef Qkdnf__V1__AuditQuery WireAuditQuery;
typedef Qkdnf__V1__AuditRecord WireAuditRecord;
typedef Qkdnf__V1__Band WireBand;
typedef Qkdnf__V1__Block WireBlock;
typedef Qkdnf__V1__BorderLink WireBorderLink;
typedef Qkdnf__V1__Branch WireBranch;
typedef Qkdnf__V1__Charge WireCharge;
typedef Qkdnf__V1__Conduct WireConduct;
typedef Qkdnf__V1__Currency WireCurrency;
typedef Qkdnf__V1__Delivery WireDelivery;
typedef Qkdnf__V1__Discover WireDiscover;
typedef Qkdnf__V1__Dispute WireDispute;
typedef Qkdnf__V1__Drill WireDrill;
typedef Qkdnf__V1__Event WireEvent;
typedef Qkdnf__V1__ExchangeRate WireExchangeRate;
typedef Qkdnf__V1__Fault WireFault;
typedef Qkdnf__V1__FaultInfo WireFaultInfo;
typedef Qkdnf__V1__FaultQuery WireFaultQuery;
typedef Qkdnf__V1__FederationPolicy WireFederationPolicy;
typedef Qkdnf__V1__Fill WireFill;
typedef Qkdnf__V1__Filled WireFilled;
typedef Qkdnf__V1__Frame WireFrame;
typedef Qkdnf__V1__Handover WireHandover;
typedef Qkdnf__V1__HandoverState WireHandoverState;
typedef Qkdnf__V1__Header WireHeader;
typedef Qkdnf__V1__KeyCopy WireKeyCopy;
typedef Qkdnf__V1__Leg WireLeg;
typedef Qkdnf__V1__LegState WireLegState;
typedef Qkdnf__V1__LinkStock WireLinkStock;
typedef Qkdnf__V1__Member WireMember;
typedef Qkdnf__V1__MemberCommand WireMemberCommand;
typedef Qkdnf__V1__MemberInfo WireMemberInfo;
typedef Qkdnf__V1__MemberQuery WireMemberQuery;
typedef Qkdnf__V1__Metrics WireMetrics;
typedef Qkdnf__V1__Money WireMoney;
typedef Qkdnf__V1__Netting WireNetting;
typedef Qkdnf__V1__Node WireNode;
typedef Qkdnf__V1__Notice WireNotice;
typedef Qkdnf__V1__Order WireOrder;
typedef Qkdnf__V1__Outcome WireOutcome;
typedef Qkdnf__V1__Payment WirePayment;
typedef Qkdnf__V1__Position WirePosition;
typedef Qkdnf__V1__Presence WirePresence;
typedef Qkdnf__V1__Price WirePrice;
typedef Qkdnf__V1__ProviderPath WireProviderPath;
typedef Qkdnf__V1__Rating WireRating;
typedef Qkdnf__V1__RatingQuery WireRatingQuery;
typedef Qkdnf__V1__Register WireRegister;
typedef Qkdnf__V1__Registered WireRegistered;
typedef Qkdnf__V1__Relay WireRelay;
typedef Qkdnf__V1__Release WireRelease;
typedef Qkdnf__V1__Reply WireReply;
typedef Qkdnf__V1__Request WireRequest;
typedef Qkdnf__V1__Resource WireResource;
typedef Qkdnf__V1__Roaming WireRoaming;
typedef Qkdnf__V1__Sample WireSample;
typedef Qkdnf__V1__SequenceRange WireSequenceRange;
typedef Qkdnf__V1__Service WireService;
typedef Qkdnf__V1__Services WireServices;
typedef Qkdnf__V1__Session WireSession;
typedef Qkdnf__V1__SessionClose WireSessionClose;
typedef Qkdnf__V1__SessionInfo WireSessionInfo;
typedef Qkdnf__V1__SessionKeys WireSessionKeys;
typedef Qkdnf__V1__SessionList WireSessionList;
typedef Qkdnf__V1__SessionOpen WireSessionOpen;
typedef Qkdnf__V1__SessionQos WireSessionQos;
typedef Qkdnf__V1__SessionState WireSessionState;
typedef Qkdnf__V1__SlotRange WireSlotRange;
typedef Qkdnf__V1__Statement WireStatement;
typedef Qkdnf__V1__StatementItem WireStatementItem;
typedef Qkdnf__V1__Step WireStep;
typedef Qkdnf__V1__Stock WireStock;
typedef Qkdnf__V1__Tariff WireTariff;
typedef Qkdnf__V1__Usage WireUsage;
typedef Qkdnf__V1__UsageShare WireUsageShare;
typedef Qkdnf__V1__UsageState WireUsageState;
typedef Qkdnf__V1__VirtualLink WireVirtualLink;
typedef Qkdnf__V1__Visit WireVisit;
typedef Qkdnf__V1__VisitState WireVisitState;
typedef Qkdnf__V1__Withdraw WireWithdraw;

#define WIRE_ACCOUNTS_COMMAND_INIT  QKDNF__V1__ACCOUNTS_COMMAND__INIT
#define WIRE_ADMIN_INIT             QKDNF__V1__ADMIN__INIT
#define WIRE_ADMIN_REPLY_INIT       QKDNF__V1__ADMIN_REPLY__INIT
#define WIRE_AGENT_COMMAND_INIT     QKDNF__V1__AGENT_COMMAND__INIT
#define WIRE_AGREEMENT_INIT         QKDNF__V1__AGREEMENT__INIT
#define WIRE_AGREEMENT_COMMAND_INIT QKDNF__V1__AGREEMENT_COMMAND__INIT
#define WIRE_AGREEMENT_QUERY_INIT   QKDNF__V1__AGREEMENT_QUERY__INIT
#define WIRE_AGREEMENT_TERMS_INIT   QKDNF__V1__AGREEMENT_TERMS__INIT
#define WIRE_APPLICATION_INIT       QKDNF__V1__APPLICATION__INIT
#define WIRE_APPLY_INIT             QKDNF__V1__APPLY__INIT
#define WIRE_AUDIT_QUERY_INIT       QKDNF__V1__AUDIT_QUERY__INIT
#define WIRE_AUDIT_RECORD_INIT      QKDNF__V1__AUDIT_RECORD__INIT
#define WIRE_BAND_INIT              QKDNF__V1__BAND__INIT
#define WIRE_BLOCK_INIT             QKDNF__V1__BLOCK__INIT
#define WIRE_BORDER_LINK_INIT       QKDNF__V1__BORDER_LINK__INIT
#define WIRE_BRANCH_INIT            QKDNF__V1__BRANCH__INIT
#define WIRE_CHARGE_INIT            QKDNF__V1__CHARGE__INIT
#define WIRE_CONDUCT_INIT           QKDNF__V1__CONDUCT__INIT
#define WIRE_CURRENCY_INIT          QKDNF__V1__CURRENCY__INIT
#define WIRE_DELIVERY_INIT          QKDNF__V1__DELIVERY__INIT
#define WIRE_DISCOVER_INIT          QKDNF__V1__DISCOVER__INIT
#define WIRE_DISPUTE_INIT           QKDNF__V1__DISPUTE__INIT
#define WIRE_DRILL_INIT             QKDNF__V1__DRILL__INIT
#define WIRE_EVENT_INIT             QKDNF__V1__EVENT__INIT
#define WIRE_EXCHANGE_RATE_INIT     QKDNF__V1__EXCHANGE_RATE__INIT
#define WIRE_FAULT_INFO_INIT        QKDNF__V1__FAULT_INFO__INIT
#define WIRE_FAULT_INIT             QKDNF__V1__FAULT__INIT
#define WIRE_FAULT_QUERY_INIT       QKDNF__V1__FAULT_QUERY__INIT
#define WIRE_FEDERATION_POLICY_INIT QKDNF__V1__FEDERATION_POLICY__INIT
#define WIRE_FILLED_INIT            QKDNF__V1__FILLED__INIT
#define WIRE_FILL_INIT              QKDNF__V1__FILL__INIT
#define WIRE_FRAME_INIT             QKDNF__V1__FRAME__INIT
#define WIRE_HANDOVER_INIT          QKDNF__V1__HANDOVER__INIT
#define WIRE_HANDOVER_STATE_INIT    QKDNF__V1__HANDOVER_STATE__INIT
#define WIRE_HEADER_INIT            QKDNF__V1__HEADER__INIT
#define WIRE_KEY_COPY_INIT          QKDNF__V1__KEY_COPY__INIT
#define WIRE_LEG_INIT               QKDNF__V1__LEG__INIT
#define WIRE_LEG_STATE_INIT         QKDNF__V1__LEG_STATE__INIT
#define WIRE_LINK_STOCK_INIT        QKDNF__V1__LINK_STOCK__INIT
#define WIRE_MEMBER_COMMAND_INIT    QKDNF__V1__MEMBER_COMMAND__INIT
#define WIRE_MEMBER_INFO_INIT       QKDNF__V1__MEMBER_INFO__INIT
#define WIRE_MEMBER_INIT            QKDNF__V1__MEMBER__INIT
#define WIRE_MEMBER_QUERY_INIT      QKDNF__V1__MEMBER_QUERY__INIT
#define WIRE_METRICS_INIT           QKDNF__V1__METRICS__INIT
#define WIRE_MONEY_INIT             QKDNF__V1__MONEY__INIT
#define WIRE_NETTING_INIT           QKDNF__V1__NETTING__INIT
#define WIRE_NODE_INIT              QKDNF__V1__NODE__INIT
#define WIRE_NOTICE_INIT            QKDNF__V1__NOTICE__INIT
#define WIRE_ORDER_INIT             QKDNF__V1__ORDER__INIT
#define WIRE_OUTCOME_INIT           QKDNF__V1__OUTCOME__INIT
#define WIRE_PAYMENT_INIT           QKDNF__V1__PAYMENT__INIT
#define WIRE_POSITION_INIT          QKDNF__V1__POSITION__INIT
#define WIRE_PRESENCE_INIT          QKDNF__V1__PRESENCE__INIT
#define WIRE_PRICE_INIT             QKDNF__V1__PRICE__INIT
#define WIRE_PROVIDER_PATH_INIT     QKDNF__V1__PROVIDER_PATH__INIT
#define WIRE_RATING_INIT            QKDNF__V1__RATING__INIT
#define WIRE_RATING_QUERY_INIT      QKDNF__V1__RATING_QUERY__INIT
#define WIRE_REGISTERED_INIT        QKDNF__V1__REGISTERED__INIT
#define WIRE_REGISTER_INIT          QKDNF__V1__REGISTER__INIT
#define WIRE_RELAY_INIT             QKDNF__V1__RELAY__INIT
#define WIRE_RELEASE_INIT           QKDNF__V1__RELEASE__INIT
#define WIRE_REPLY_INIT             QKDNF__V1__REPLY__INIT
#define WIRE_REQUEST_INIT           QKDNF__V1__REQUEST__INIT
#define WIRE_RESOURCE_INIT          QKDNF__V1__RESOURCE__INIT
#define WIRE_ROAMING_INIT           QKDNF__V1__ROAMING__INIT
#define WIRE_SAMPLE_INIT            QKDNF__V1__SAMPLE__INIT
#define WIRE_SEQUENCE_RANGE_INIT    QKDNF__V1__SEQUENCE_RANGE__INIT
#define WIRE_SERVICES_INIT          QKDNF__V1__SERVICES__INIT
#define WIRE_SERVICE_INIT           QKDNF__V1__SERVICE__INIT
#define WIRE_SESSION_CLOSE_INIT     QKDNF__V1__SESSION_CLOSE__INIT
#define WIRE_SESSION_INFO_INIT      QKDNF__V1__SESSION_INFO__INIT
#define WIRE_SESSION_INIT           QKDNF__V1__SESSION__INIT
#define WIRE_SESSION_KEYS_INIT      QKDNF__V1__SESSION_KEYS__INIT
#define WIRE_SESSION_LIST_INIT      QKDNF__V1__SESSION_LIST__INIT
#define WIRE_SESSION_OPEN_INIT      QKDNF__V1__SESSION_OPEN__INIT
#define WIRE_SESSION_QOS_INIT       QKDNF__V1__SESSION_QOS__INIT
#define WIRE_SESSION_STATE_INIT     QKDNF__V1__SESSION_STATE__INIT
#define WIRE_SLOT_RANGE_INIT        QKDNF__V1__SLOT_RANGE__INIT
#define WIRE_STATEMENT_INIT         QKDNF__V1__STATEMENT__INIT
#define WIRE_STATEMENT_ITEM_INIT    QKDNF__V1__STATEMENT_ITEM__INIT
#define WIRE_STEP_INIT              QKDNF__V1__STEP__INIT
#define WIRE_STOCK_INIT             QKDNF__V1__STOCK__INIT
#define WIRE_TARIFF_INIT            QKDNF__V1__TARIFF__INIT
#define WIRE_USAGE_INIT             QKDNF__V1__USAGE__INIT
#define WIRE_USAGE_SHARE_INIT       QKDNF__V1__USAGE_SHARE__INIT
#define WIRE_USAGE_STATE_INIT       QKDNF__V1__USAGE_STATE__INIT
#define WIRE_VIRTUAL_LINK_INIT      QKDNF__V1__VIRTUAL_LINK__INIT
#define WIRE_VISIT_INIT             QKDNF__V1__VISIT__INIT
#define WIRE_VISIT_STATE_INIT       QKDNF__V1__VISIT_STATE__INIT
#define WIRE_WITHDRAW_INIT          QKDNF__V1__WITHDRAW__INIT

// Frees any unpacked message; takes NULL.
static inline void wire_free(gpointer message)
{
    protobuf_c_message_free_unpacked(message, NULL);
}

typedef enum {
    ROLE_PLATFORM = QKDNF__V1__ROLE__ROLE_PLATFORM,
    ROLE_AGENT = QKDNF__V1__ROLE__ROLE_AGENT,
    ROLE_APPLICATION = QKDNF__V1__ROLE__ROLE_APPLICATION,
    ROLE_MONITOR = QKDNF__V1__ROLE__ROLE_MONITOR,
    ROLE_OPERATOR = QKDNF__V1__ROLE__ROLE_OPERATOR,
} Role;
