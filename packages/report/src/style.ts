/** The style sheet of every page. Charts and the bodies of pages refer to its colours. */
export const STYLE = `
:root { --page: #f6f7f9; --card: #fff; --line: #e1e5ea; --ink: #1a2129; --ink-soft: #5b6673;
  --main: #2463d6; --other: #c2570c; --split-1: #9db8ec; --split-2: #3563c9; --split-3: #e0853d;
  --series-1: #2463d6; --series-2: #c2570c; --series-3: #0b8457;
  --series-4: #8a3ffc; --series-5: #b8860b; --series-6: #c2255c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #11151a; --card: #1a2027; --line: #2c353f; --ink: #e8edf2; --ink-soft: #9aa7b4;
    --main: #6ea2ff; --other: #f2a154; --split-1: #42598c; --split-2: #6ea2ff; --split-3: #f2a154;
    --series-1: #6ea2ff; --series-2: #f2a154; --series-3: #3fbf8a;
    --series-4: #b28dff; --series-5: #d9b44a; --series-6: #f27ba6; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem) 3rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
    "Microsoft YaHei", sans-serif; }
header, main, footer { max-width: 1180px; margin: 0 auto; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.25; letter-spacing: -0.01em; }
h2 { margin: 2.2rem 0 0.8rem; font-size: 1.15rem; }
header p { margin: 0.3rem 0 0; color: var(--ink-soft); max-width: 80ch; }
section > p { margin: -0.4rem 0 0.8rem; color: var(--ink-soft); max-width: 80ch; }
footer { margin-top: 2.5rem; color: var(--ink-soft); font-size: 0.87rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0.7rem; margin: 1.3rem 0 0; }
.facts div { display: flex; flex-direction: column-reverse; min-width: 7rem; padding: 0.7rem 1rem; }
.facts dt { color: var(--ink-soft); font-size: 0.82rem; }
.facts dd { margin: 0; font-size: 1.2rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.facts div, figure, table { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 1rem; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.card { padding: 0.9rem 1rem 0.7rem; overflow-x: visible; }
.card svg { width: 100%; }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0.5rem 1rem; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-weight: 600; }
figcaption b { font-variant-numeric: tabular-nums; white-space: nowrap; }
.card ul { display: flex; flex-wrap: wrap; gap: 0 0.9rem; margin: 0.2rem 0 0; padding: 0; list-style: none;
  font-size: 0.8rem; color: var(--ink-soft); }
.card li::before { content: ""; display: inline-block; width: 1.1em; margin-right: 0.45em; vertical-align: 0.25em;
  border-top: 2px solid var(--main); }
.card li.faint::before { opacity: 0.35; }
.card li.other::before, .card li.dots::before { border-color: var(--other); }
.card li.series-1::before { border-color: var(--series-1); }
.card li.series-2::before { border-color: var(--series-2); }
.card li.series-3::before { border-color: var(--series-3); }
.card li.series-4::before { border-color: var(--series-4); }
.card li.series-5::before { border-color: var(--series-5); }
.card li.series-6::before { border-color: var(--series-6); }
.card li.baseline::before { border-top: 2px dashed var(--ink-soft); }
table { border-collapse: separate; border-spacing: 0; padding: 0.3rem 0; }
th, td { padding: 0.45rem 1.1rem; text-align: right; font-variant-numeric: tabular-nums; }
tbody td { white-space: nowrap; }
th { text-align: left; font-weight: 500; }
thead { color: var(--ink-soft); font-size: 0.87rem; }
tbody tr > * { border-top: 1px solid var(--line); }
tbody td:nth-child(2) { font-weight: 650; }
.confusion th, .confusion td { padding: 0.3rem 0.6rem; text-align: center; }
.confusion tbody th { text-align: left; white-space: nowrap; }
.confusion td:nth-child(2) { font-weight: inherit; }
.confusion td:last-child { color: var(--ink-soft); font-weight: 400; border-left: 1px solid var(--line); }
details { margin-top: 1.2rem; }
summary { cursor: pointer; font-weight: 600; }
pre { padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto;
  font-size: 0.82rem; line-height: 1.45; }
`;

/** What the page of a data set has beside it. */
export const DATA_STYLE = `
.split { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 1rem; }
.split figure { display: grid; align-items: center; }
.split th { font-weight: 600; }
.split tbody td { font-weight: 400; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); gap: 1rem; }
article { display: flex; flex-direction: column; padding: 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; }
.frames { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; margin-bottom: 12px; }
.frames span { text-align: center; }
.frames img { display: block; width: 100%; max-width: 96px; aspect-ratio: 1; object-fit: contain;
  margin: 0 auto 4px; border-radius: 6px; }
.frames small { display: block; color: var(--ink-soft); font-size: 11px; line-height: 1.3; }
h3 { margin: 0; font-size: 1.2rem; overflow-wrap: anywhere; }
.category { color: var(--main); font-size: 0.87rem; }
.category em { color: var(--ink-soft); font-style: normal; }
article dl { display: grid; grid-template-columns: 34px 1fr; gap: 6px 8px; margin: 10px 0; font-size: 0.93rem; }
article dt, article dl i { color: var(--ink-soft); font-size: 0.83rem; font-style: normal; }
article dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.tags { display: flex; flex-wrap: wrap; gap: 6px; margin: auto 0 10px; }
.tags span { padding: 1px 10px; background: color-mix(in srgb, var(--main) 14%, transparent); border-radius: 99px;
  font-size: 0.87rem; }
.id { padding-top: 8px; border-top: 1px solid var(--line); color: var(--ink-soft);
  font: 12px ui-monospace, Menlo, monospace; }
.warnings { margin: 0; padding: 14px 16px 14px 34px; background: var(--card); border: 1px solid var(--other);
  border-radius: 10px; }
.warnings li { margin: 2px 0; overflow-wrap: anywhere; }
`;
