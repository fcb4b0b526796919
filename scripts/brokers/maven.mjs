// A program from Maven: a folder of jars, its dependencies included, is all that `java -cp` needs.
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { run } from '../support/process.mjs';
import { fillCache } from './cache.mjs';
import { onPath } from './system.mjs';

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const TIME_LIMIT_MS = 600_000;

/**
 * @param {{ entry: string, group: string, artifact: string, version: string, without?: { group: string, artifact: string } }} program
 * @returns {Promise<string>} The folder of jars.
 */
export async function installFromMaven({ entry, group, artifact, version, without }) {
  if (onPath('mvn') === undefined) throw new Error('There is no Maven (mvn) on the path.');
  const work = await mkdtemp(join(tmpdir(), 'nrr-maven-'));
  try {
    const pom = join(work, 'pom.xml');
    await writeFile(pom, pomOf({ group, artifact, version, without }));
    return await fillCache(entry, async (folder) => {
      await mkdir(folder, { recursive: true });
      const args = ['-q', '-B', '-f', pom, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
      await run('mvn', args, { cwd: work, quiet: true, timeoutMs: TIME_LIMIT_MS });
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @param {{ group: string, artifact: string, version: string, without?: { group: string, artifact: string } | undefined }} dependency */
function pomOf({ group, artifact, version, without }) {
  const exclusion =
    without === undefined
      ? ''
      : `<exclusions><exclusion><groupId>${without.group}</groupId><artifactId>${without.artifact}</artifactId></exclusion></exclusions>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${exclusion}</dependency></dependencies>
</project>
`;
}
