"use strict";

function add(parent, tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

/* Expected and got, side by side without this, come to lie over each other. */
function makeSlider(views) {
  const expected = views.querySelector("img.expected"), got = views.querySelector("img.got");
  if (!expected || !got || expected.width !== got.width || expected.height !== got.height ||
      expected.getAttribute("width") !== got.getAttribute("width") ||
      expected.getAttribute("height") !== got.getAttribute("height")) return;
  const old = [expected.closest("figure"), got.closest("figure")];
  const figure = document.createElement("figure");
  const slider = add(figure, "div", "slider");
  slider.append(got, expected);
  add(slider, "span", "tag left", "Expected");
  add(slider, "span", "tag right", "Got");
  const input = add(slider, "input");
  input.type = "range";
  input.min = 0;
  input.max = 100;
  input.step = "any";
  input.value = 50;
  input.setAttribute("aria-label", expected.alt + ": how much of it lies over what was got");
  input.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10}[event.key];
    if (!step) return;
    event.preventDefault();
    input.value = Number(input.value) + step;
    input.dispatchEvent(new Event("input"));
  });
  input.addEventListener("input", () => {
    slider.style.setProperty("--at", input.value + "%");
    input.setAttribute("aria-valuetext", Math.round(input.value) + " % expected");
  });
  add(slider, "span", "handle");
  add(figure, "figcaption", "", "Expected on the left, got on the right: drag, or use the arrow keys");
  views.prepend(figure);
  old.forEach(one => one.remove());
}

/* A picture of the strip, or a difference, becomes large; the arrow keys go on to the next. */
function makeZoom(images) {
  const dialog = add(document.body, "dialog");
  const shown = add(dialog, "img"), row = add(dialog, "p");
  const back = add(row, "button", "", "Previous"), text = add(row, "span", "soft");
  const next = add(row, "button", "", "Next"), close = add(row, "button", "", "Close");
  let at = 0;
  dialog.setAttribute("aria-label", "Picture");
  function show(number) {
    at = (number + images.length) % images.length;
    shown.src = images[at].src;
    shown.alt = images[at].alt;
    shown.className = images[at].classList.contains("small") ? "small" : "";
    text.textContent = images[at].alt;
  }
  images.forEach((image, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "shot";
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => { show(number); dialog.showModal(); });
  });
  back.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", event => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
}

document.querySelectorAll(".views").forEach(makeSlider);
const images = [...document.querySelectorAll("img.zoom")];
if (images.length) makeZoom(images);
document.querySelectorAll(".log pre").forEach(pre => { pre.scrollTop = pre.scrollHeight; });
document.querySelectorAll("details.log").forEach(log => log.addEventListener("toggle", () => {
  const pre = log.querySelector("pre");
  if (pre) pre.scrollTop = pre.scrollHeight;
}, {once: true}));
