import { join } from 'node:path';
import type { Clock } from '../../lib/contract/clock.js';
import { EmbeddedStore } from '../../lib/store/embedded.store.js';
import { createTempFolder } from '../support/temp-folder.js';
import { describeStateStoreContract } from './state-store-contract.js';

const folder = createTempFolder();
let stores = 0;
const open = (clock: Clock) => EmbeddedStore.open({ dataDir: join(folder, String(++stores)), clock });
describeStateStoreContract({ name: 'embedded', isShared: true, isDurable: true, open });
