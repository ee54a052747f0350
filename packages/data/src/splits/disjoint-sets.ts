/** Union-find over names; the root of a set is the name that sorts first. */
export class DisjointSets {
  private readonly parents = new Map<string, string>();

  rootOf(name: string): string {
    let root = name;
    for (let parent = this.parents.get(root); parent !== undefined; parent = this.parents.get(root)) root = parent;
    if (root !== name) this.parents.set(name, root);
    return root;
  }

  unite(a: string, b: string): void {
    const [first, second] = [this.rootOf(a), this.rootOf(b)].sort();
    if (first !== second) this.parents.set(second, first);
  }
}
