/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_AV_LIBRARY_TABLE_H
#define MEDIA_AV_LIBRARY_TABLE_H

#include <stdbool.h>

#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

/* The calls that media uses, by library: see media/av_library.h. Every one is in all versions from
 * FFmpeg 5.1 to 7.1. To use one more, add it here. */
#define AV_LIBRARY_UTIL_CALLS(X)                                                                   \
    X(av_buffer_alloc)                                                                             \
    X(av_buffer_create)                                                                            \
    X(av_buffer_get_opaque)                                                                        \
    X(av_buffer_ref)                                                                               \
    X(av_buffer_unref)                                                                             \
    X(av_dict_free)                                                                                \
    X(av_dict_get)                                                                                 \
    X(av_dict_set)                                                                                 \
    X(av_dict_set_int)                                                                             \
    X(av_frame_alloc)                                                                              \
    X(av_frame_copy)                                                                               \
    X(av_frame_copy_props)                                                                         \
    X(av_frame_free)                                                                               \
    X(av_frame_get_buffer)                                                                         \
    X(av_frame_is_writable)                                                                        \
    X(av_frame_make_writable)                                                                      \
    X(av_frame_move_ref)                                                                           \
    X(av_frame_ref)                                                                                \
    X(av_frame_unref)                                                                              \
    X(av_free)                                                                                     \
    X(av_freep)                                                                                    \
    X(av_get_pix_fmt)                                                                              \
    X(av_get_pix_fmt_name)                                                                         \
    X(av_image_copy)                                                                               \
    X(av_image_copy_plane)                                                                         \
    X(av_image_copy_to_buffer)                                                                     \
    X(av_image_fill_arrays)                                                                        \
    X(av_image_fill_linesizes)                                                                     \
    X(av_image_fill_plane_sizes)                                                                   \
    X(av_image_get_buffer_size)                                                                    \
    X(av_log)                                                                                      \
    X(av_log_format_line2)                                                                         \
    X(av_log_set_callback)                                                                         \
    X(av_log_set_level)                                                                            \
    X(av_malloc)                                                                                   \
    X(av_mallocz)                                                                                  \
    X(av_max_alloc)                                                                                \
    X(av_opt_find)                                                                                 \
    X(av_opt_set)                                                                                  \
    X(av_opt_set_int)                                                                              \
    X(av_pix_fmt_desc_get)                                                                         \
    X(av_reduce)                                                                                   \
    X(av_rescale_q)                                                                                \
    X(av_strerror)

#define AV_LIBRARY_CODEC_CALLS(X)                                                                  \
    X(av_bsf_alloc)                                                                                \
    X(av_bsf_flush)                                                                                \
    X(av_bsf_free)                                                                                 \
    X(av_bsf_get_by_name)                                                                          \
    X(av_bsf_init)                                                                                 \
    X(av_bsf_receive_packet)                                                                       \
    X(av_bsf_send_packet)                                                                          \
    X(av_codec_is_decoder)                                                                         \
    X(av_codec_is_encoder)                                                                         \
    X(av_codec_iterate)                                                                            \
    X(av_new_packet)                                                                               \
    X(av_packet_alloc)                                                                             \
    X(av_packet_free)                                                                              \
    X(av_packet_from_data)                                                                         \
    X(av_packet_get_side_data)                                                                     \
    X(av_packet_move_ref)                                                                          \
    X(av_packet_ref)                                                                               \
    X(av_packet_unref)                                                                             \
    X(av_parser_close)                                                                             \
    X(av_parser_init)                                                                              \
    X(av_parser_parse2)                                                                            \
    X(avcodec_align_dimensions)                                                                    \
    X(avcodec_align_dimensions2)                                                                   \
    X(avcodec_alloc_context3)                                                                      \
    X(avcodec_default_get_buffer2)                                                                 \
    X(avcodec_default_get_format)                                                                  \
    X(avcodec_find_decoder)                                                                        \
    X(avcodec_find_decoder_by_name)                                                                \
    X(avcodec_find_encoder)                                                                        \
    X(avcodec_find_encoder_by_name)                                                                \
    X(avcodec_flush_buffers)                                                                       \
    X(avcodec_free_context)                                                                        \
    X(avcodec_get_name)                                                                            \
    X(avcodec_open2)                                                                               \
    X(avcodec_parameters_alloc)                                                                    \
    X(avcodec_parameters_copy)                                                                     \
    X(avcodec_parameters_free)                                                                     \
    X(avcodec_parameters_from_context)                                                             \
    X(avcodec_parameters_to_context)                                                               \
    X(avcodec_receive_frame)                                                                       \
    X(avcodec_receive_packet)                                                                      \
    X(avcodec_send_frame)                                                                          \
    X(avcodec_send_packet)                                                                         \
    X(avcodec_version)

#define AV_LIBRARY_SCALE_CALLS(X)                                                                  \
    X(sws_alloc_context)                                                                           \
    X(sws_freeContext)                                                                             \
    X(sws_getCoefficients)                                                                         \
    X(sws_getContext)                                                                              \
    X(sws_init_context)                                                                            \
    X(sws_isSupportedInput)                                                                        \
    X(sws_isSupportedOutput)                                                                       \
    X(sws_scale)                                                                                   \
    X(sws_setColorspaceDetails)                                                                    \
    X(swscale_version)

#define AV_LIBRARY_FORMAT_CALLS(X)                                                                 \
    X(av_find_best_stream)                                                                         \
    X(av_find_input_format)                                                                        \
    X(av_guess_frame_rate)                                                                         \
    X(av_guess_sample_aspect_ratio)                                                                \
    X(av_read_frame)                                                                               \
    X(av_seek_frame)                                                                               \
    X(avformat_alloc_context)                                                                      \
    X(avformat_close_input)                                                                        \
    X(avformat_find_stream_info)                                                                   \
    X(avformat_flush)                                                                              \
    X(avformat_free_context)                                                                       \
    X(avformat_open_input)                                                                         \
    X(avformat_seek_file)                                                                          \
    X(avformat_version)                                                                            \
    X(avio_alloc_context)                                                                          \
    X(avio_context_free)                                                                           \
    X(avio_flush)

#define AV_LIBRARY_POINTER(call) __typeof__(call) *call;

/* The pointers of a part that nobody asked for are NULL. */
struct av_library {
    AV_LIBRARY_UTIL_CALLS(AV_LIBRARY_POINTER)
    AV_LIBRARY_CODEC_CALLS(AV_LIBRARY_POINTER)
    AV_LIBRARY_SCALE_CALLS(AV_LIBRARY_POINTER)
    AV_LIBRARY_FORMAT_CALLS(AV_LIBRARY_POINTER)
};

#endif
