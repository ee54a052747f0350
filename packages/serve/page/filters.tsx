import type { Facet, Facets, Filter } from './api.js';
import type { Words } from './words.js';

interface FiltersProps {
  readonly facets: Facets;
  readonly filter: Filter;
  readonly t: Words;
  readonly onChange: (filter: Filter) => void;
}

const SHOWN = 24;

/** Categories and tags to narrow the search by. */
export function Filters({ facets, filter, t, onChange }: FiltersProps) {
  const group = (name: keyof Filter, title: string, all: readonly Facet[]) =>
    all.length > 0 && (
      <fieldset>
        <legend>{title}</legend>
        {all.slice(0, SHOWN).map((facet) => (
          <label key={facet.name}>
            <input
              type="checkbox"
              checked={filter[name].includes(facet.name)}
              onChange={() => onChange({ ...filter, [name]: toggled(filter[name], facet.name) })}
            />
            {facet.name} <small>{facet.count}</small>
          </label>
        ))}
      </fieldset>
    );
  return (
    <div class="filters">
      {group('categories', t.categories, facets.categories)}
      {group('tags', t.tags, facets.tags)}
      {filter.categories.length + filter.tags.length > 0 && (
        <button type="button" onClick={() => onChange({ categories: [], tags: [] })}>
          {t.clear}
        </button>
      )}
    </div>
  );
}

function toggled(names: readonly string[], name: string): string[] {
  return names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
}
