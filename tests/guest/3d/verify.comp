#version 450
// SPDX-License-Identifier: MIT
// Each word of 'to' is made of the same word of 'from' and of its place.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer From { uint from[]; };
layout(set = 0, binding = 1) writeonly buffer To { uint to[]; };
layout(push_constant) uniform Size { uint words; };

void main()
{
    uint all = gl_NumWorkGroups.x * gl_WorkGroupSize.x;

    for (uint i = gl_GlobalInvocationID.x; i < words; i += all)
        to[i] = (from[i] ^ i) * 2654435761u;
}
