/** Decoded pixels: 8-bit RGB, rows from the top, `[height, width, 3]`. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
