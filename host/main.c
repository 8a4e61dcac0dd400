/* SPDX-License-Identifier: Apache-2.0
 * main.c: the program `hone`; its bodies are in the static library.
 */
#include "command.h"

int main(int argc, char **argv)
{
    return hone_main(argc, argv);
}
