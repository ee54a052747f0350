/** Memory that threads share: of the kind `shared`, which a message to a thread does not copy. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** A compiled program. */
export type Module = object;

/** What is used of WebAssembly's JavaScript API: Node has it, its types have not. */
interface Api {
  readonly Memory: new (options: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => Module;
  readonly Instance: new (module: Module, imports: object) => { readonly exports: object };
}

export const { Memory, Module, Instance } = Reflect.get(globalThis, 'WebAssembly') as Api;
