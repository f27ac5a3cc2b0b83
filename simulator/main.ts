// `./build.sh simulate`: routing rules on modelled pods, in virtual time.
import { simulateCommand } from "./command.js";
import { endWithReader } from "./quiet-pipe.js";

endWithReader();
await simulateCommand("./build.sh simulate").parseAsync();
