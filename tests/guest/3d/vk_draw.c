/* SPDX-License-Identifier: MIT */
#include "vk_draw.h"
#include "draw.frag.h"
#include "draw.vert.h"

#define FORMAT VK_FORMAT_R8G8B8A8_UNORM
#define CORNERS 36

struct canvas {
    VkImage image;
    VkDeviceMemory memory;
    VkImageView view;
    VkRenderPass pass;
    VkFramebuffer frame;
    VkPipelineLayout layout;
    VkPipeline pipeline;
};

static const VkExtent3D extent = {VK_DRAW_WIDTH, VK_DRAW_HEIGHT, 1};

static VkResult create_image(struct vk *vk, struct canvas *canvas)
{
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = FORMAT,
        .extent = extent,
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
    };
    VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    VkMemoryRequirements needs;
    VkResult result = vkCreateImage(vk->device, &info, NULL, &canvas->image);

    if (result)
        return vk_failed(result, "vkCreateImage");
    vkGetImageMemoryRequirements(vk->device, canvas->image, &needs);
    memory.allocationSize = needs.size;
    memory.memoryTypeIndex = (uint32_t)vk_memory_type(vk, needs.memoryTypeBits, 0);
    result = vkAllocateMemory(vk->device, &memory, NULL, &canvas->memory);
    if (!result)
        result = vkBindImageMemory(vk->device, canvas->image, canvas->memory, 0);
    return result ? vk_failed(result, "image_memory") : VK_SUCCESS;
}

static VkResult create_pass(struct vk *vk, struct canvas *canvas)
{
    VkAttachmentDescription colour = {
        .format = FORMAT,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
    };
    VkAttachmentReference use = {.layout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &use,
    };
    /* The copy that follows waits for the picture. */
    VkSubpassDependency after = {
        .dstSubpass = VK_SUBPASS_EXTERNAL,
        .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
        .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
    };
    VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &colour,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &after,
    };
    VkResult result = vkCreateRenderPass(vk->device, &info, NULL, &canvas->pass);

    return result ? vk_failed(result, "vkCreateRenderPass") : VK_SUCCESS;
}

static VkResult create_frame(struct vk *vk, struct canvas *canvas)
{
    VkImageViewCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = canvas->image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = FORMAT,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    VkFramebufferCreateInfo frame = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = canvas->pass,
        .attachmentCount = 1,
        .pAttachments = &canvas->view,
        .width = extent.width,
        .height = extent.height,
        .layers = 1,
    };
    VkResult result = vkCreateImageView(vk->device, &view, NULL, &canvas->view);

    if (!result)
        result = vkCreateFramebuffer(vk->device, &frame, NULL, &canvas->frame);
    return result ? vk_failed(result, "create_frame") : VK_SUCCESS;
}

static VkResult create_pipeline(struct vk *vk, struct canvas *canvas,
                                VkPipelineShaderStageCreateInfo stages[2])
{
    VkViewport viewport = {0, 0, VK_DRAW_WIDTH, VK_DRAW_HEIGHT, 0, 1};
    VkRect2D scissor = {.extent = {VK_DRAW_WIDTH, VK_DRAW_HEIGHT}};
    VkPipelineVertexInputStateCreateInfo vertices = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO};
    VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST};
    VkPipelineViewportStateCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .pViewports = &viewport,
        .scissorCount = 1,
        .pScissors = &scissor};
    VkPipelineRasterizationStateCreateInfo raster = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO, .lineWidth = 1};
    VkPipelineMultisampleStateCreateInfo samples = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT};
    VkPipelineColorBlendAttachmentState all = {.colorWriteMask = 15};
    VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &all};
    VkGraphicsPipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
                                         .stageCount = 2,
                                         .pStages = stages,
                                         .pVertexInputState = &vertices,
                                         .pInputAssemblyState = &assembly,
                                         .pViewportState = &view,
                                         .pRasterizationState = &raster,
                                         .pMultisampleState = &samples,
                                         .pColorBlendState = &blend,
                                         .layout = canvas->layout,
                                         .renderPass = canvas->pass};
    VkResult result =
        vkCreateGraphicsPipelines(vk->device, NULL, 1, &info, NULL, &canvas->pipeline);

    return result ? vk_failed(result, "vkCreateGraphicsPipelines") : VK_SUCCESS;
}

static VkResult create_stages(struct vk *vk, struct canvas *canvas)
{
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    VkPipelineShaderStageCreateInfo stages[2] = {
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_VERTEX_BIT,
         .pName = "main"},
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
         .pName = "main"},
    };
    VkResult result = vk_shader(vk, draw_vert, sizeof(draw_vert), &stages[0].module);

    if (!result)
        result = vk_shader(vk, draw_frag, sizeof(draw_frag), &stages[1].module);
    if (!result)
        result = vkCreatePipelineLayout(vk->device, &layout, NULL, &canvas->layout);
    if (!result)
        result = create_pipeline(vk, canvas, stages);
    vkDestroyShaderModule(vk->device, stages[0].module, NULL);
    vkDestroyShaderModule(vk->device, stages[1].module, NULL);
    return result;
}

static void record(struct vk *vk, struct canvas *canvas, struct vk_buffer *pixels)
{
    VkClearValue clear = {.color = {.float32 = {0.1f, 0.2f, 0.4f, 1}}};
    VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = canvas->pass,
        .framebuffer = canvas->frame,
        .renderArea = {.extent = {VK_DRAW_WIDTH, VK_DRAW_HEIGHT}},
        .clearValueCount = 1,
        .pClearValues = &clear,
    };
    VkBufferImageCopy copy = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = extent,
    };

    vkCmdBeginRenderPass(vk->command, &begin, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdBindPipeline(vk->command, VK_PIPELINE_BIND_POINT_GRAPHICS, canvas->pipeline);
    vkCmdDraw(vk->command, CORNERS, 1, 0, 0);
    vkCmdEndRenderPass(vk->command);
    vkCmdCopyImageToBuffer(vk->command, canvas->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           pixels->buffer, 1, &copy);
}

VkResult vk_draw(struct vk *vk, struct vk_buffer *pixels)
{
    struct canvas canvas = {0};
    VkResult result = create_image(vk, &canvas);

    if (!result)
        result = create_pass(vk, &canvas);
    if (!result)
        result = create_frame(vk, &canvas);
    if (!result)
        result = create_stages(vk, &canvas);
    if (!result)
        result = vk_begin(vk);
    if (!result) {
        record(vk, &canvas, pixels);
        result = vk_run(vk);
    }
    vkDestroyPipeline(vk->device, canvas.pipeline, NULL);
    vkDestroyPipelineLayout(vk->device, canvas.layout, NULL);
    vkDestroyFramebuffer(vk->device, canvas.frame, NULL);
    vkDestroyRenderPass(vk->device, canvas.pass, NULL);
    vkDestroyImageView(vk->device, canvas.view, NULL);
    vkDestroyImage(vk->device, canvas.image, NULL);
    vkFreeMemory(vk->device, canvas.memory, NULL);
    return result;
}
