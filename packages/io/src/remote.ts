export { isRemote, joinLocation, shownLocation } from './remote/location.js';
export { openRemote } from './remote/remote-bytes.js';
export type { OpenRemoteOptions, RemoteOptions, RemoteSource } from './remote/remote-bytes.js';
export type { DiskCache } from './remote/disk-blocks.js';
export type { RangeAnswer, RangeClient } from './remote/client.js';
export type { RetryOptions } from './remote/retry.js';
