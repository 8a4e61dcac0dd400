/* SPDX-License-Identifier: Apache-2.0
 * artifact.h: what a node hands to the next: a folder with files, a little metadata, and a checksum over all of it.
 *
 * On disk: FOLDER/artifact.json = {"hone": 1, "type": "dataset", "meta": {...}, "files": [{"name", "size",
 * "sha256"}...], "hash": "..."}; the hash is the SHA-256 of the canonical text of the other members, so it names the
 * content.
 */
#ifndef HONE_ARTIFACT_H
#define HONE_ARTIFACT_H

#include <hone/plugin.h>

typedef struct HoneArtifact HoneArtifact;

/* Opens a sealed artifact. Sizes are compared; with `verify`, contents are hashed again and compared too. */
HONE_EXPORT HoneArtifact *hone_artifact_open(const char *folder, bool verify, GError **error);
/* Starts a new one in `folder`, which is made and must be empty. */
HONE_EXPORT HoneArtifact *hone_artifact_create(const char *folder, HoneArtifactType type, GError **error);
/* Writes artifact.json over all files that are in the folder now, each synced to disk. The artifact is read-only from
 * here. */
HONE_EXPORT bool hone_artifact_seal(HoneArtifact *artifact, GError **error);
HONE_EXPORT void hone_artifact_free(HoneArtifact *artifact);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneArtifact, hone_artifact_free)

HONE_EXPORT HoneArtifactType hone_artifact_type(const HoneArtifact *artifact);
HONE_EXPORT const char *hone_artifact_folder(const HoneArtifact *artifact);
HONE_EXPORT const char *hone_artifact_hash(const HoneArtifact *artifact); /* hex; NULL before sealing */
/* The artifact's metadata; a stage that writes may change it until it is sealed. */
HONE_EXPORT JsonObject *hone_artifact_meta(const HoneArtifact *artifact);
/* FOLDER/name. name holds no separator. Caller frees. */
HONE_EXPORT char *hone_artifact_file(const HoneArtifact *artifact, const char *name);
/* Where it came from, for messages: "parts.train". */
HONE_EXPORT const char *hone_artifact_label(const HoneArtifact *artifact);
HONE_EXPORT void hone_artifact_set_label(HoneArtifact *artifact, const char *label);

#endif
