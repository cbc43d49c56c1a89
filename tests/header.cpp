// SPDX-License-Identifier: Apache-2.0

#include <qkdnf.h>

qkdnf_status ask(qkdnf *q, const char *target);

qkdnf_status ask(qkdnf *q, const char *target)
{
    qkdnf_request request = {};
    request.targets = &target;
    request.n_targets = 1;
    return qkdnf_request_keys(q, &request, nullptr, nullptr, nullptr);
}
