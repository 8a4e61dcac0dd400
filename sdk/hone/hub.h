/* SPDX-License-Identifier: Apache-2.0
 * hub.h: what names a model on a hub: "org/name", "org/name@revision", "org/name@revision:file.gguf".
 *
 * Only the form is known here. A path parameter with HONE_PARAM_MAY_BE_HUB takes such a name where no file is called
 * so; the stage's `resolve` finds what it stands for.
 */
#ifndef HONE_HUB_H
#define HONE_HUB_H

#include <hone/error.h>
#include <stdbool.h>

typedef struct HoneHubName {
    char *repository; /* "org/name" */
    char *revision;   /* a branch, a tag or a commit; "main" where the text gives none */
    char *file;       /* below the repository's root, or NULL: the whole model */
} HoneHubName;

/* Takes a name apart. False: the text is none, and the error says why. What a path would be called ("./a/b",
 * "models/x.gguf", "a/b/c") is none. */
HONE_EXPORT bool hone_hub_name_parse(const char *text, HoneHubName *name, GError **error);
HONE_EXPORT void hone_hub_name_clear(HoneHubName *name);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoneHubName, hone_hub_name_clear)
/* True where the revision is a commit's full hash, which never moves. */
HONE_EXPORT bool hone_hub_is_commit(const char *revision);
/* True where no file is at `path` and the text is a hub's name. path: the text as an absolute path. */
HONE_EXPORT bool hone_hub_is_meant(const char *text, const char *path);
/* True for a relative path that stays below its root: no empty, "." or ".." part, no control character, no backslash,
 * at most 255 bytes a part. */
HONE_EXPORT bool hone_hub_good_path(const char *path);

#endif
