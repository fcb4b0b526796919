const { NRR_COUNTS_DIR: folder, NRR_SUITE: suite = 'specs' } = process.env;

export default {
  testEnvironment: 'node',
  // A limit for what hangs, also on a machine that is busy with other things.
  testTimeout: 30_000,
  globalSetup: '<rootDir>/scripts/support/jest-setup.mjs',
  globalTeardown: '<rootDir>/scripts/support/jest-teardown.mjs',
  roots: ['<rootDir>/test', '<rootDir>/sample'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/sample/.*/dist', '<rootDir>/node_modules/nestjs-roadrunner', '<rootDir>/.cache'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts'],
  reporters: ['default', ...(folder === undefined ? [] : [['<rootDir>/scripts/support/jest-counts.mjs', { folder, suite }]])],
};
