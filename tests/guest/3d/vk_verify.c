/* SPDX-License-Identifier: MIT */
#include "vk_verify.h"
#include "verify.comp.h"

#define FILL 0x600dbeefu
#define GROUPS 256

static VkResult create_layout(struct vk *vk, struct vk_verify *verify)
{
    VkDescriptorSetLayoutBinding bindings[2] = {
        {.binding = 0,
         .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
         .descriptorCount = 1,
         .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT},
        {.binding = 1,
         .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
         .descriptorCount = 1,
         .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT},
    };
    VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 2,
        .pBindings = bindings,
    };
    VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = 4};
    VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &verify->set_layout,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &range,
    };
    VkResult result = vkCreateDescriptorSetLayout(vk->device, &set, NULL, &verify->set_layout);

    if (!result)
        result = vkCreatePipelineLayout(vk->device, &layout, NULL, &verify->layout);
    return result ? vk_failed(result, "create_layout") : VK_SUCCESS;
}

static VkResult create_pipeline(struct vk *vk, struct vk_verify *verify)
{
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage =
            {
                .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .pName = "main",
            },
        .layout = verify->layout,
    };
    VkResult result = vk_shader(vk, verify_comp, sizeof(verify_comp), &info.stage.module);

    if (result)
        return result;
    result = vkCreateComputePipelines(vk->device, NULL, 1, &info, NULL, &verify->pipeline);
    vkDestroyShaderModule(vk->device, info.stage.module, NULL);
    return result ? vk_failed(result, "vkCreateComputePipelines") : VK_SUCCESS;
}

static VkResult create_set(struct vk *vk, struct vk_verify *verify)
{
    VkDescriptorPoolSize size = {
        .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = 2,
    };
    VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    VkDescriptorSetAllocateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorSetCount = 1,
        .pSetLayouts = &verify->set_layout,
    };
    VkResult result = vkCreateDescriptorPool(vk->device, &pool, NULL, &verify->pool);

    set.descriptorPool = verify->pool;
    if (!result)
        result = vkAllocateDescriptorSets(vk->device, &set, &verify->set);
    return result ? vk_failed(result, "create_set") : VK_SUCCESS;
}

VkResult vk_verify_init(struct vk *vk, struct vk_verify *verify)
{
    VkResult result;

    *verify = (struct vk_verify){0};
    result = create_layout(vk, verify);
    if (!result)
        result = create_pipeline(vk, verify);
    if (!result)
        result = create_set(vk, verify);
    return result;
}

void vk_verify_finish(struct vk *vk, struct vk_verify *verify)
{
    vkDestroyDescriptorPool(vk->device, verify->pool, NULL);
    vkDestroyPipeline(vk->device, verify->pipeline, NULL);
    vkDestroyPipelineLayout(vk->device, verify->layout, NULL);
    vkDestroyDescriptorSetLayout(vk->device, verify->set_layout, NULL);
}

static void bind(struct vk *vk, struct vk_verify *verify, struct vk_buffer *from,
                 struct vk_buffer *to)
{
    VkDescriptorBufferInfo buffers[2] = {
        {.buffer = from->buffer, .range = VK_WHOLE_SIZE},
        {.buffer = to->buffer, .range = VK_WHOLE_SIZE},
    };
    VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = verify->set,
        .descriptorCount = 2,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = buffers,
    };

    vkUpdateDescriptorSets(vk->device, 1, &write, 0, NULL);
    vkCmdBindPipeline(vk->command, VK_PIPELINE_BIND_POINT_COMPUTE, verify->pipeline);
    vkCmdBindDescriptorSets(vk->command, VK_PIPELINE_BIND_POINT_COMPUTE, verify->layout, 0, 1,
                            &verify->set, 0, NULL);
}

/* Of a size that is no multiple of 4 the last bytes are left out, as a fill leaves them out. */
static uint32_t words_of(const struct vk_buffer *buffer)
{
    return (uint32_t)(buffer->size / 4);
}

static void record(struct vk *vk, struct vk_verify *verify, struct vk_buffer *from,
                   struct vk_buffer *to)
{
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_READ_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    uint32_t words = words_of(from);

    bind(vk, verify, from, to);
    vkCmdPushConstants(vk->command, verify->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, 4, &words);
    vkCmdDispatch(vk->command, words / 64 < GROUPS ? words / 64 + 1 : GROUPS, 1, 1);
    vkCmdPipelineBarrier(vk->command, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                         VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
    vkCmdFillBuffer(vk->command, from->buffer, 0, words / 2 * 4, FILL);
}

VkResult vk_verify_run(struct vk *vk, struct vk_verify *verify, struct vk_buffer *from,
                       struct vk_buffer *to, uint32_t seed, unsigned long *bad)
{
    uint32_t *source = from->map, words = words_of(from);
    const uint32_t *made = to->map;
    VkResult result;

    *bad = 0;
    for (uint32_t i = 0; i < words; i++)
        source[i] = seed + i * 2246822519u;
    result = vk_begin(vk);
    if (result)
        return result;
    record(vk, verify, from, to);
    result = vk_run(vk);
    if (result)
        return result;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t was = seed + i * 2246822519u;

        *bad += made[i] != (was ^ i) * 2654435761u;
        *bad += source[i] != (i < words / 2 ? FILL : was);
    }
    return VK_SUCCESS;
}
