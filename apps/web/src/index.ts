export type { Site, SiteCategory, SiteVideo } from './site.js';
export { bundlePage } from './bundle.js';
export { categoryModelIn, publishSite } from './publish.js';
export type { PublishedSite, PublishOptions } from './publish.js';
export { serveSite } from './serve.js';
export type { RunningSite, ServeOptions } from './serve.js';
