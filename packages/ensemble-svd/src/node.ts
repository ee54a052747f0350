export { load, save } from './file.js';
