#version 450
// SPDX-License-Identifier: MIT
// A ring of triangles around the middle, each corner with a colour of its own; no vertex buffer.
layout(location = 0) out vec3 colour;
layout(location = 1) out vec2 place;

void main()
{
    int triangle = gl_VertexIndex / 3, corner = gl_VertexIndex % 3;
    float angle = (float(triangle) + float(corner) * 0.8) * 6.2831853 / 12.0;
    float away = corner == 1 ? 0.25 : 0.6 + 0.03 * float(triangle);

    place = away * vec2(cos(angle), sin(angle));
    colour = vec3(float(corner == 0), float(corner == 1), float(corner == 2)) *
             (0.4 + 0.05 * float(triangle));
    gl_Position = vec4(place, 0.0, 1.0);
}
