export { counted, formatBytes, formatCount, formatNumber, formatSeconds } from '@wbdc/report/format';
