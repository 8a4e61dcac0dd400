/* SPDX-License-Identifier: Apache-2.0
 * broken.c: plugins that must not load, one for each way to be wrong; the build sets BROKEN.
 */
#include <hone/hone.h>

#define NEWER_MAJOR 1
#define NEWER_MINOR 2
#define OTHER_NAME 3
#define NO_SYMBOL 4
#define UNDEFINED 5
#define NULL_DESCRIPTOR 6

static bool run(HoneStage *stage, void *params, GError **error)
{
    return true;
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};
static const HonePort ports[] = {{"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "Rows"}, {0}};
static const HoneComponent component = {HONE_COMPONENT_HEADER,  .kind = HONE_STAGE, .name = "broken",
                                        .version = "1",         .ports = ports,     .ops = &ops,
                                        .summary = "Never seen"};
static const HoneComponent *const components[] = {&component, NULL};
static const HonePlugin descriptor = {.abi_major = BROKEN == NEWER_MAJOR ? HONE_ABI_MAJOR + 1 : HONE_ABI_MAJOR,
                                      .abi_minor = BROKEN == NEWER_MINOR ? HONE_ABI_MINOR + 1 : HONE_ABI_MINOR,
                                      .size = sizeof(HonePlugin),
                                      .name = BROKEN == OTHER_NAME ? "another" : PLUGIN_NAME,
                                      .version = "1",
                                      .licence = "Apache-2.0",
                                      .summary = "Never seen",
                                      .components = components};

#if BROKEN == NO_SYMBOL
#define hone_plugin hone_plugin_of_another_name
HONE_EXPORT const HonePlugin *hone_plugin(void);
#endif

void no_library_has_this(void);

HONE_EXPORT const HonePlugin *hone_plugin(void)
{
#if BROKEN == UNDEFINED
    no_library_has_this();
#endif
    return BROKEN == NULL_DESCRIPTOR ? NULL : &descriptor;
}
