/** Of this package, as `rpc.Version` tells it. A test compares it with package.json. */
export const VERSION = '0.1.0';
