/* SPDX-License-Identifier: Apache-2.0
 * written.h: what `merge` and `export` share: the types they offer, and what they record of what they wrote.
 */
#ifndef HONE_MODELS_WRITTEN_H
#define HONE_MODELS_WRITTEN_H

#include <hone/export.h>
#include <hone/stage.h>

/* The type of that name, 0 for "auto". */
HoneType written_type(const char *name);
/* Options whose progress and cancelling are the stage's, and whose name is that of the model at its input "model".
 * shard: in MB. */
HoneExportOptions written_options(HoneStage *stage, const char *type, double shard);
/* The figures, as facts of the run and in the artifact's metadata ("export"); a warning where rounding drowns the
 * adapter. */
void written_record(HoneStage *stage, HoneArtifact *artifact, const HoneExportFacts *facts, bool adapted);
/* Makes a model artifact refer to what lies in its own folder at `name` ("." for the folder itself). */
bool written_refer(HoneStage *stage, HoneArtifact *artifact, const HoneExport *source, const char *name,
                   const HoneExportFacts *facts, GError **error);

#endif
