/* SPDX-License-Identifier: MIT */
#include "tests/shortage/visit.h"
#include <stddef.h>
const char *visit_codec_missing(void)
{
    return "not yet";
}
const char *visit_decoder_missing(void)
{
    return "not yet";
}
void visit_decoder(struct visit *v)
{
}
void visit_decoder_settle(struct visit *v)
{
}
void visit_decoder_see(struct visit *v)
{
}
void visit_encoder(struct visit *v)
{
}
void visit_encoder_settle(struct visit *v)
{
}
void visit_encoder_see(struct visit *v)
{
}
