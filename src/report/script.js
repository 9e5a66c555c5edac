(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("script");
  const tip = document.getElementById("tip");
  const svgName = "http://www.w3.org/2000/svg";
  const transforms = { lin: v => v, log: v => Math.log10(v), log1p: v => Math.log1p(v) / Math.LN10 };
  const show = v => v === null || v === undefined ? "–" : String(v);

  const place = event => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const right = event.clientX + 16 + box.width > innerWidth;
    tip.style.left = Math.max(4, right ? event.clientX - 14 - box.width : event.clientX + 16) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 4)) + "px";
  };
  const hide = () => { tip.hidden = true; };

  // Places of the points in units of the picture, computed once a figure is looked at.
  const lay = data => {
    const at = (axis, v) => axis.a + axis.b * transforms[axis.t](v);
    for (const series of data.s) {
      series.px = series.x.map(v => at(data.x, v));
      series.py = series.y.map(v => at(data.y, v));
    }
    data.laid = true;
  };

  const nearest = (data, off, x, y) => {
    let best = null;
    data.s.forEach((series, s) => {
      if (off.has(s)) return;
      series.px.forEach((px, i) => {
        const d = (px - x) ** 2 + (series.py[i] - y) ** 2;
        if (!best || d < best.d) best = { d, s, i };
      });
    });
    return best;
  };

  const line = (figure, svg, data, off, event, point) => {
    if (!data.laid) lay(data);
    const [left, top, right, bottom] = data.box;
    const mark = svg.querySelector(".mark");
    const inside = point.x >= left - 8 && point.x <= right + 8 && point.y >= top - 8 && point.y <= bottom + 8;
    const best = inside ? nearest(data, off, point.x, point.y) : null;
    if (!best) { mark.setAttribute("visibility", "hidden"); hide(); return; }
    const series = data.s[best.s];
    mark.setAttribute("class", "mark dot s" + series.c);
    mark.setAttribute("cx", series.px[best.i]);
    mark.setAttribute("cy", series.py[best.i]);
    mark.setAttribute("visibility", "visible");
    const run = figure.dataset.run && figure.dataset.run !== series.n ? figure.dataset.run + ", " : "";
    tip.textContent = run + series.n + "\n" + data.xn + ": " + show(series.x[best.i]) + "\n" + data.yn + ": " + show(series.y[best.i]);
    place(event);
  };

  const heat = (figure, data, event, point) => {
    const column = Math.floor((point.x - data.left) / data.cell);
    const row = Math.floor((point.y - data.top) / data.row);
    const series = data.s[row];
    if (!series || column < 0 || column >= data.x.length) { hide(); return; }
    const run = figure.dataset.run ? figure.dataset.run + ", " : "";
    tip.textContent = run + series.n + "\n" + data.xn + " from " + show(data.x[column]) + "\nmean " + data.yn + ": " + show(series.y[column]);
    place(event);
  };

  const properties = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "font-family", "font-size", "text-anchor", "display"];
  // A copy that stands alone: computed styles written into it, a title above, the page's background behind.
  const alone = (svg, title) => {
    const copy = svg.cloneNode(true);
    const from = [svg, ...svg.querySelectorAll("*")];
    const to = [copy, ...copy.querySelectorAll("*")];
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const property of properties) {
        const value = style.getPropertyValue(property);
        if (value) to[i].style.setProperty(property, value);
      }
      to[i].removeAttribute("class");
      to[i].removeAttribute("tabindex");
    });
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const head = 30;
    copy.setAttribute("viewBox", `0 ${-head} ${width} ${height + head}`);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height + head);
    const behind = document.createElementNS(svgName, "rect");
    const page = getComputedStyle(svg.closest("figure")).backgroundColor;
    for (const [name, value] of [["x", 0], ["y", -head], ["width", width], ["height", height + head], ["fill", page]]) behind.setAttribute(name, value);
    const text = document.createElementNS(svgName, "text");
    text.setAttribute("x", 12);
    text.setAttribute("y", -10);
    text.setAttribute("style", `font:600 14px sans-serif;fill:${getComputedStyle(document.body).color}`);
    text.textContent = title;
    copy.prepend(behind, text);
    const named = document.createElementNS(svgName, "title");
    named.textContent = title;
    copy.prepend(named);
    return { text: new XMLSerializer().serializeToString(copy), width, height: height + head };
  };

  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const buttons = (figure, svg, title) => {
    const file = title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || "figure";
    const box = document.createElement("div");
    box.className = "save";
    const add = (name, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-label", `Save “${title}” as ${name}`);
      button.addEventListener("click", act);
      box.append(button);
    };
    add("SVG", () => save(new Blob([alone(svg, title).text], { type: "image/svg+xml" }), file + ".svg"));
    add("PNG", () => {
      const picture = alone(svg, title);
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = 2 * picture.width;
        canvas.height = 2 * picture.height;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(blob => save(blob, file + ".png"), "image/png");
      };
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(picture.text);
    });
    figure.append(box);
  };

  for (const figure of document.querySelectorAll("figure")) {
    const svg = figure.querySelector("svg");
    const data = JSON.parse(figure.querySelector("script").textContent);
    const title = figure.querySelector("figcaption strong").textContent;
    const off = new Set();
    // Names for readers of the screen are in aria-label; as titles they would cover the values.
    svg.querySelector(":scope > title").remove();
    for (const shape of svg.querySelectorAll(".series title")) {
      shape.parentNode.dataset.tip = shape.textContent;
      shape.remove();
    }
    const keys = svg.querySelectorAll(".key");
    for (const key of keys) {
      const series = key.dataset.series;
      key.setAttribute("tabindex", "0");
      key.setAttribute("role", "button");
      key.setAttribute("aria-pressed", "true");
      const toggle = () => {
        const hidden = !off.has(Number(series));
        if (hidden) off.add(Number(series)); else off.delete(Number(series));
        key.classList.toggle("off", hidden);
        key.setAttribute("aria-pressed", String(!hidden));
        for (const group of svg.querySelectorAll(`.series[data-series="${series}"]`)) group.classList.toggle("off", hidden);
      };
      key.addEventListener("click", toggle);
      key.addEventListener("keydown", event => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
      });
    }
    if (keys.length) svg.setAttribute("role", "group");
    if (data.kind === "line") {
      const mark = document.createElementNS(svgName, "circle");
      mark.setAttribute("class", "mark");
      mark.setAttribute("r", "4");
      mark.setAttribute("visibility", "hidden");
      mark.setAttribute("pointer-events", "none");
      svg.append(mark);
    }
    svg.addEventListener("pointermove", event => {
      const matrix = svg.getScreenCTM();
      if (!matrix) return;
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      if (data.kind === "line") line(figure, svg, data, off, event, point);
      else if (data.kind === "heat") heat(figure, data, event, point);
      else if (event.target.dataset && event.target.dataset.tip) { tip.textContent = event.target.dataset.tip; place(event); }
      else hide();
    });
    svg.addEventListener("pointerleave", () => {
      hide();
      const mark = svg.querySelector(".mark");
      if (mark) mark.setAttribute("visibility", "hidden");
    });
    buttons(figure, svg, title);
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
})();
