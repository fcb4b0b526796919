import { MemoryStore } from '../../lib/store/memory.store.js';
import { describeStateStoreContract } from './state-store-contract.js';

describeStateStoreContract({ name: 'memory', isShared: false, isDurable: false, open: (clock) => new MemoryStore(clock) });
