/** Shading of alerts: a tinted box from their beginning to their end, with a bar on top and a first edge. */
import type uPlot from "uplot";
import type { Colors } from "./colors";

export interface Shade {
  fromMs: number;
  /** Absent while the alert is open. */
  toMs: number | undefined;
}

/** Draws behind the curves of `u`. */
export function drawShades(u: uPlot, shades: readonly Shade[], colors: Colors): void {
  const { ctx, bbox } = u;
  const pixel = devicePixelRatio;
  const x = (ms: number) => Math.round(u.valToPos(ms / 1000, "x", true));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { fromMs, toMs } of shades) {
    const left = x(fromMs);
    const right = toMs === undefined ? bbox.left + bbox.width : x(toMs);
    const width = Math.max(right - left, 2 * pixel);
    if (left > bbox.left + bbox.width || left + width < bbox.left) continue;
    ctx.fillStyle = colors["chart-alert"];
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.fillStyle = colors["chart-alert-edge"];
    ctx.fillRect(left, bbox.top, width, 3 * pixel);
    ctx.fillRect(left, bbox.top, pixel, bbox.height);
  }
  ctx.restore();
}
