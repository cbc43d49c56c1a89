#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What the dashboard serves by name, all of it public: the page, the libraries it uses, and the
// published contract. From memory, so no path leads anywhere else.

#include <glib.h>

typedef struct Site Site;

Site *site_new(void);
void site_free(Site *site);

// By absolute path, `/` being the page itself; NULL when there is none. The bytes are the site's.
GBytes *site_find(const Site *site, const char *path);

// Of the file name's ending.
const char *site_content_type(const char *path);

// FALSE where page or libraries were not there when this was built.
gboolean site_is_built(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Site, site_free)
