import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

export interface SvgLook {
  /** Pixels; 12 where nothing is said. */
  readonly fontSize?: number;
  /** As wide as what it stands in, in place of the width of the plot. */
  readonly fluid?: boolean;
  /** A file of its own, which has no page's style sheet: white, with the colours of the light page. */
  readonly standalone?: boolean;
}

/**
 * A plot as the text of an SVG. On a page its text has the page's font, and `var(--main)` and the like are the page's
 * colours, so that it follows light and dark; see {@link COLORS} for what a standalone one takes in their place.
 */
export function renderSvg(options: Plot.PlotOptions, look: SvgLook = {}): string {
  const { fontSize = 12, fluid = false, standalone = false } = look;
  const { document } = parseHTML('<!doctype html><html><body></body></html>'); // Plot wants a browser's
  const colors = standalone
    ? { background: 'white', color: COLORS.ink, fontFamily: 'system-ui, sans-serif' }
    : { background: 'none', color: 'var(--ink-soft)', fontFamily: 'inherit' };
  const style = { ...colors, fontSize: `${fontSize}px`, overflow: 'visible' };
  const svg = Plot.plot({ ...options, style, document });
  if (fluid) for (const name of ['width', 'height']) svg.removeAttribute(name);
  if (standalone) svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return String(svg.outerHTML);
}

/** The light page's colours, for pictures that stand alone. */
export const COLORS = { ink: '#1a2129', main: '#2463d6', other: '#c2570c' } as const;
