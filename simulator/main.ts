// `./build.sh simulate`: routing rules on modelled pods, in virtual time.
import { simulateCommand } from "./command.js";

await simulateCommand("./build.sh simulate").parseAsync();
