type Names = Readonly<Record<'p' | 'g' | 'm' | 'v' | 'e', `${'p' | 'g' | 'm' | 'v' | 'e'}${number}`>>;

const kept: Names[] = [];

/**
 * The names of the inputs of `WbdcAdamWAll` of the parameter of number i. They are put together once: a name that is
 * new costs the host as much as what it names.
 */
export function adamWNames(i: number): Names {
  return (kept[i] ??= { p: `p${i}`, g: `g${i}`, m: `m${i}`, v: `v${i}`, e: `e${i}` });
}
