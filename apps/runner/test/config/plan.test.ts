import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { planViews, textLayout } from '../../src/config/plan.js';

const load = (...set: string[]) => loadConfig({ folder: '.', set });

describe('planViews', () => {
  it('puts the default tasks into one view of the whole batch', async () => {
    expect(planViews(await load())).toEqual([
      {
        name: 'masked',
        share: 1,
        tasks: [
          { name: 'mlm', weight: 1 },
          { name: 'mfm', weight: 1 },
          { name: 'tag', weight: 1 },
        ],
      },
    ]);
  });

  it('drops tasks that are null or without weight', async () => {
    const [view] = planViews(await load('tasks.mfm=null', 'tasks.tag.weight=0', 'tasks.mlm.weight=0.25'));
    expect(view.tasks).toEqual([{ name: 'mlm', weight: 0.25 }]);
  });

  it('exchanges videos before it masks them, whatever the order of the configuration', async () => {
    const config = await load('tasks.mlm.view=a', 'tasks.ftm={view: a}', 'tasks.mmm={view: b}', 'views.b.share=0.25');
    const names = planViews(config).map(({ name, share, tasks }) => [name, share, tasks.map((task) => task.name)]);
    expect(names).toEqual([
      ['a', 1, ['ftm', 'mlm']],
      ['masked', 1, ['mfm', 'tag']],
      ['b', 0.25, ['mmm']],
    ]);
  });

  it('knows no view without tasks', async () => {
    await expect(load('views.maskd.share=0.5')).rejects.toThrow(
      "--set views.maskd.share=0.5: views.maskd: expected the view of a task (masked), got 'maskd'",
    );
  });
});

describe('textLayout', () => {
  it('leaves absent limits out', async () => {
    expect(textLayout((await load('text.limits.title=36', 'text.fields=[title]', 'text.budget=39')).text)).toEqual({
      fields: ['title'],
      budget: 39,
      separatorFirst: false,
      limits: { title: 36 },
    });
  });
});
