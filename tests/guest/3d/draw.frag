#version 450
// SPDX-License-Identifier: MIT
layout(location = 0) in vec3 colour;
layout(location = 1) in vec2 place;
layout(location = 0) out vec4 pixel;

void main()
{
    float rings = 0.5 + 0.5 * cos(40.0 * length(place));

    pixel = vec4(mix(colour, vec3(0.9, 0.8, 0.3), 0.5 * rings), 1.0);
}
