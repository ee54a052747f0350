/** JavaScript of projects and of all they refer to; gives the number of sources newer than what stood in `dist`. */
export function transpile(folders: readonly string[]): Promise<number>;
