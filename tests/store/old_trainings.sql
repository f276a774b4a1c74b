BEGIN TRANSACTION;
CREATE TABLE nas_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT nas_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "nas_alembic_version" VALUES('0006');
CREATE TABLE "nas_attempt" (
	trial_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	worker TEXT, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	outcome TEXT, 
	reason TEXT, 
	detail TEXT, 
	CONSTRAINT nas_attempt_pk PRIMARY KEY (trial_id, number), 
	CONSTRAINT nas_attempt_outcome_ck CHECK (outcome IN ('LOST', 'INTERRUPTED', 'ENVIRONMENT', 'COMPLETE', 'STOPPED', 'FAILED')), 
	CONSTRAINT nas_attempt_trial_id_fk FOREIGN KEY(trial_id) REFERENCES nas_trial (id)
);
INSERT INTO "nas_attempt" VALUES(1,1,'host:16487','2026-11-30 00:41:17.038361','2026-11-30 00:41:20.822687','COMPLETE',NULL,NULL);
CREATE TABLE nas_lease (
	study_id INTEGER NOT NULL, 
	epoch BIGINT NOT NULL, 
	token TEXT, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	place TEXT NOT NULL, 
	born TEXT NOT NULL, 
	acquired_at DATETIME NOT NULL, 
	renewed_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT nas_lease_pk PRIMARY KEY (study_id), 
	CONSTRAINT nas_lease_study_id_fk FOREIGN KEY(study_id) REFERENCES nas_study (id)
);
INSERT INTO "nas_lease" VALUES(1,1,NULL,'host',16023,'bc4d992a-8778-4d23-a5d6-2da35c0b38dc pid:[4026531836]','1380128','2026-11-30 00:41:14.239109','2026-11-30 00:41:14.239109','2026-11-30 00:41:44.239109');
CREATE TABLE nas_measurement (
	trial_id INTEGER NOT NULL, 
	attempt BIGINT NOT NULL, 
	epoch BIGINT NOT NULL, 
	rung BIGINT, 
	top1_error DOUBLE, 
	loss DOUBLE, 
	train_loss DOUBLE, 
	seconds DOUBLE NOT NULL, 
	CONSTRAINT nas_measurement_pk PRIMARY KEY (trial_id, attempt, epoch), 
	CONSTRAINT nas_measurement_trial_id_fk FOREIGN KEY(trial_id) REFERENCES nas_trial (id)
);
INSERT INTO "nas_measurement" VALUES(1,1,1,0,8.99721448467966533613e-01,2.30367285428272960956e+00,2.30156540870666503906e+00,1.99015873700045631267e+00);
CREATE TABLE nas_report (
	trial_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	content TEXT NOT NULL, 
	CONSTRAINT nas_report_pk PRIMARY KEY (trial_id, kind), 
	CONSTRAINT nas_report_trial_id_fk FOREIGN KEY(trial_id) REFERENCES nas_trial (id)
);
INSERT INTO "nas_report" VALUES(1,'test','2026-11-30 00:41:22.650629','{"images": 359.0, "loss": 2.303770272512622, "top1_error": 0.8997214484679665}');
CREATE TABLE nas_study (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	versions TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	seq BIGINT NOT NULL, uid TEXT DEFAULT '' NOT NULL, folder TEXT, places TEXT DEFAULT '[]' NOT NULL, exhausted BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT nas_study_pk PRIMARY KEY (id), 
	CONSTRAINT nas_study_name_uq UNIQUE (name), 
	CONSTRAINT nas_study_state_ck CHECK (state IN ('RUNNING', 'INTERRUPTED', 'COMPLETE', 'FAILED'))
);
INSERT INTO "nas_study" VALUES(1,'found','{
 "name": "found",
 "space_name": "tiny",
 "space_text": "schema = 1\nname = \"tiny\"\nblock = \"igcv3\"\ntitle = \"a tiny space\"\n[deployment]\ninput = \"3x32x32\"\nclasses = 10\n[stem]\nwidth = 8\nstride = 1\n[head]\nwidth = 32\n[adaptation]\ndrop_strides = []\n[choices]\ndepth = 1\nexpansion = [2, 4]\ng1 = [1, 2]\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\n[[stage]]\nname = \"stage1\"\nstride = 2\nwidth = 16\n",
 "budget": [
  {
   "cost": "madds",
   "limit": 300000000,
   "device": ""
  }
 ],
 "input": "3x32x32",
 "classes": 10,
 "task": "digits",
 "data_dir": null,
 "recipe": "# digits\nepochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 8\naugment = true\n",
 "rungs": [
  1
 ],
 "eta": 3,
 "objectives": [
  "top1_error",
  "madds"
 ],
 "reference_point": [
  1.0,
  300000000.0
 ],
 "sampler": "predictor",
 "num_trials": 1,
 "published": false,
 "seed": 0,
 "limit": 50,
 "more_spaces": [],
 "block": 1,
 "reuse": true,
 "confirm": 0,
 "seeds": 3,
 "proxies": false,
 "image_size": null,
 "skip_corrupt": false,
 "resolutions": [],
 "latency": [],
 "time_limit": null,
 "strides": [],
 "task_strides": [],
 "stride_rule": 2,
 "task_input": "1x8x8",
 "reference_seeds": 1,
 "data": {
  "digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740",
  "train": 50,
  "val": 359,
  "test": 359
 }
}','{"python": "3.11.7", "nas": "0.1.0", "torch": "2.15.0", "torchvision": "0.29.2", "ray": "2.60.0", "optuna": "5.0.0", "fvcore": "0.1.5.post20221221", "numpy": "2.4.6", "sqlalchemy": "2.1.9", "plotly": "7.1.0"}','COMPLETE','2026-11-30 00:41:14.218940',9,'d570144d4988a7d7','found','["/home/ann/work/nas-results"]',0);
CREATE TABLE nas_training (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	seed BIGINT NOT NULL, 
	arch_id TEXT NOT NULL, 
	study TEXT, 
	trial BIGINT, 
	created_at DATETIME NOT NULL, 
	content TEXT NOT NULL, 
	CONSTRAINT nas_training_pk PRIMARY KEY (id), 
	CONSTRAINT nas_training_name_seed_uq UNIQUE (name, seed)
);
INSERT INTO "nas_training" VALUES(1,'igcv3-d-0.25-os-digits-digits-97675c',0,'b956b545aa9f',NULL,NULL,'2026-11-30 00:40:56.030688','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "network": {"arch_id": "b956b545aa9f", "architecture": "depth=1-4-6-8-6-6-1,width=4-6-8-16-24-40-80,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no", "cost": {"deployment": {"acts": 2974712, "adaptation": "input 3x224x224: strides 2,1,2,2,2,1,2,1 (stem, stages; 1/32 of the input, final map 7x7)", "classes": 1000, "input": "3x224x224", "latency": 0, "madds": 34044144, "params": 1534020, "strides": "2,1,2,2,2,1,2,1"}, "task": {"acts": 64586, "adaptation": "input 1x8x8: strides 1,1,1,2,2,1,1,1 (stem, stages; 1/4 of the input, final map 2x2)", "classes": 10, "input": "1x8x8", "latency": 0, "madds": 1144320, "params": 265686, "strides": "1,1,1,2,2,1,1,1"}}, "name": "igcv3-d-0.25-os", "space": "igcv3", "study": null, "trial": null}, "run": {"confusion": [[0, 0, 0, 0, 0, 0, 36, 0, 0, 0], [0, 0, 0, 0, 0, 0, 36, 0, 0, 0], [0, 0, 0, 0, 0, 0, 35, 0, 0, 0], [0, 0, 0, 0, 0, 0, 37, 0, 0, 0], [0, 0, 0, 0, 0, 0, 36, 0, 0, 0], [0, 0, 0, 0, 0, 0, 36, 0, 0, 0], [0, 0, 0, 0, 0, 0, 36, 0, 0, 0], [0, 0, 0, 0, 0, 0, 36, 0, 0, 0], [0, 0, 0, 0, 0, 0, 35, 0, 0, 0], [0, 0, 0, 0, 0, 0, 36, 0, 0, 0]], "history": [{"epoch": 1, "images_per_second": 533.1813633206066, "loss": 2.4910028399199162, "lr": 0.05, "profile": {"backward": 0.05390028299916594, "data": 0.0012489040000218665, "evaluation": 0.09169302900045295, "forward": 0.062359016001209966, "images": 64.0, "optimiser": 0.0024690850004844833, "overhead": 0.037881138998272945}, "seconds": 0.21168798399958177, "top1_error": 0.8997214484679665, "top5_error": 0.4763231197771588, "train_loss": 2.3612663745880127}, {"epoch": 2, "images_per_second": 866.6839055400811, "loss": 2.4910028399199162, "lr": 0.0, "profile": {"backward": 0.05079586099964217, "data": 0.005639625000185333, "evaluation": 0.09519450500010862, "forward": 0.014213309999831836, "images": 64.0, "optimiser": 0.003135398999802419, "overhead": 0.027827676001834334}, "seconds": 0.1689969970011589, "top1_error": 0.8997214484679665, "top5_error": 0.4763231197771588, "train_loss": 2.4169559478759766}], "identity": {"architecture": "igcv3: depth=1-4-6-8-6-6-1,width=4-6-8-16-24-40-80,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no", "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "data_seed": 0, "epochs": 2, "input": "1x8x8", "layers": "b08365ec19f2", "recipe": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "seed": 0, "task": "digits"}, "images_per_second": 699.9326344303438, "notes": [], "profile": {"backward": 0.10469614399880811, "data": 0.0068885290002072, "evaluation": 0.18688753400056157, "forward": 0.0765723260010418, "images": 128.0, "optimiser": 0.005604484000286902, "overhead": 0.06570881500010728}, "seconds": 0.43784408700048516, "seed": 0, "test": {"images": 359, "loss": 2.5095338954234854, "top1_error": 0.8997214484679665, "top5_error": 0.5181058495821727}, "validation": {"images": 359, "loss": 2.4910028399199162, "top1_error": 0.8997214484679665, "top5_error": 0.4763231197771588}, "weights": "/home/ann/work/a/seed-0/weights.safetensors", "weights_sha256": "518e86ee6da84ca6b3c7beaf3461f66d971f7bd5cc585bda4b94debae43fced0"}, "settings": {"device": "2 CPU cores, no GPU", "epochs": 2, "recipe": "digits", "recipe text": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "versions": "python 3.11.7, nas 0.1.0, torch 2.15.0, torchvision 0.29.2, ray 2.60.0, optuna 5.0.0, fvcore 0.1.5.post20221221, numpy 2.4.6, sqlalchemy 2.1.9, plotly 7.1.0", "weights": "those of the last epoch"}, "task": "digits 1x8x8, 1,797 images in 10 classes (174 to 183 each), 100 train / 359 validation / 359 test images; only 100 training images, as many of each class"}');
INSERT INTO "nas_training" VALUES(2,'igcv3-d-0.25-os-digits-digits-97675c',1,'b956b545aa9f',NULL,NULL,'2026-11-30 00:40:57.026823','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "network": {"arch_id": "b956b545aa9f", "architecture": "depth=1-4-6-8-6-6-1,width=4-6-8-16-24-40-80,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no", "cost": {"deployment": {"acts": 2974712, "adaptation": "input 3x224x224: strides 2,1,2,2,2,1,2,1 (stem, stages; 1/32 of the input, final map 7x7)", "classes": 1000, "input": "3x224x224", "latency": 0, "madds": 34044144, "params": 1534020, "strides": "2,1,2,2,2,1,2,1"}, "task": {"acts": 64586, "adaptation": "input 1x8x8: strides 1,1,1,2,2,1,1,1 (stem, stages; 1/4 of the input, final map 2x2)", "classes": 10, "input": "1x8x8", "latency": 0, "madds": 1144320, "params": 265686, "strides": "1,1,1,2,2,1,1,1"}}, "name": "igcv3-d-0.25-os", "space": "igcv3", "study": null, "trial": null}, "run": {"confusion": [[0, 0, 0, 6, 0, 0, 0, 0, 19, 11], [0, 0, 0, 12, 0, 0, 0, 0, 17, 7], [0, 0, 0, 14, 0, 0, 0, 0, 14, 7], [0, 0, 0, 12, 0, 0, 0, 0, 19, 6], [0, 0, 0, 8, 0, 0, 0, 0, 13, 15], [0, 0, 0, 10, 0, 0, 0, 0, 14, 12], [0, 0, 0, 8, 0, 0, 0, 0, 17, 11], [0, 0, 0, 13, 0, 0, 0, 0, 8, 15], [0, 0, 0, 9, 0, 0, 0, 0, 21, 5], [0, 0, 0, 11, 0, 0, 0, 0, 18, 7]], "history": [{"epoch": 1, "images_per_second": 1087.9346096807737, "loss": 2.4141084038779597, "lr": 0.05, "profile": {"backward": 0.03224411700102792, "data": 0.001179490000140504, "evaluation": 0.08387811799912015, "forward": 0.021907260999796563, "images": 64.0, "optimiser": 0.0034427569989929907, "overhead": 0.041900107002220466}, "seconds": 0.14266621500064502, "top1_error": 0.9052924791086351, "top5_error": 0.48467966573816157, "train_loss": 2.301783800125122}, {"epoch": 2, "images_per_second": 799.1665092914524, "loss": 2.4141084038779597, "lr": 0.0, "profile": {"backward": 0.047998665999330115, "data": 0.0016252150016953237, "evaluation": 0.11947042100109684, "forward": 0.02363283699924068, "images": 64.0, "optimiser": 0.006751144999725511, "overhead": 0.44340447499780566}, "seconds": 0.19949728199935635, "top1_error": 0.9052924791086351, "top5_error": 0.48467966573816157, "train_loss": 2.3838698863983154}], "identity": {"architecture": "igcv3: depth=1-4-6-8-6-6-1,width=4-6-8-16-24-40-80,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no", "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "data_seed": 0, "epochs": 2, "input": "1x8x8", "layers": "b08365ec19f2", "recipe": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "seed": 1, "task": "digits"}, "images_per_second": 943.5505594861131, "notes": [], "profile": {"backward": 0.08024278300035803, "data": 0.0028047050018358277, "evaluation": 0.203348539000217, "forward": 0.04554009799903724, "images": 128.0, "optimiser": 0.010193901998718502, "overhead": 0.48530458200002613}, "seconds": 0.40704063100019994, "seed": 1, "test": {"images": 359, "loss": 2.4137775559279246, "top1_error": 0.8885793871866295, "top5_error": 0.49303621169916434}, "validation": {"images": 359, "loss": 2.4141084038779597, "top1_error": 0.9052924791086351, "top5_error": 0.48467966573816157}, "weights": "/home/ann/work/a/seed-1/weights.safetensors", "weights_sha256": "46f31cc0ac03294bfd388222cbf90017ec2beb9614584fb4424a0d54fc269b62"}, "settings": {"device": "2 CPU cores, no GPU", "epochs": 2, "recipe": "digits", "recipe text": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "versions": "python 3.11.7, nas 0.1.0, torch 2.15.0, torchvision 0.29.2, ray 2.60.0, optuna 5.0.0, fvcore 0.1.5.post20221221, numpy 2.4.6, sqlalchemy 2.1.9, plotly 7.1.0", "weights": "those of the last epoch"}, "task": "digits 1x8x8, 1,797 images in 10 classes (174 to 183 each), 100 train / 359 validation / 359 test images; only 100 training images, as many of each class"}');
INSERT INTO "nas_training" VALUES(3,'igcv3-d-0.25-os-digits-digits-fe2213',5,'b956b545aa9f',NULL,NULL,'2026-11-30 00:41:04.479859','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "network": {"arch_id": "b956b545aa9f", "architecture": "depth=1-4-6-8-6-6-1,width=4-6-8-16-24-40-80,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no", "cost": {"deployment": {"acts": 2974712, "adaptation": "input 3x224x224: strides 2,1,2,2,2,1,2,1 (stem, stages; 1/32 of the input, final map 7x7)", "classes": 1000, "input": "3x224x224", "latency": 0, "madds": 34044144, "params": 1534020, "strides": "2,1,2,2,2,1,2,1"}, "task": {"acts": 64586, "adaptation": "input 1x8x8: strides 1,1,1,2,2,1,1,1 (stem, stages; 1/4 of the input, final map 2x2)", "classes": 10, "input": "1x8x8", "latency": 0, "madds": 1144320, "params": 265686, "strides": "1,1,1,2,2,1,1,1"}}, "name": "igcv3-d-0.25-os", "space": "igcv3", "study": null, "trial": null}, "run": {"confusion": [[0, 0, 0, 6, 23, 7, 0, 0, 0, 0], [0, 1, 0, 11, 21, 3, 0, 0, 0, 0], [0, 0, 0, 13, 11, 11, 0, 0, 0, 0], [0, 0, 0, 8, 22, 7, 0, 0, 0, 0], [0, 0, 0, 7, 12, 17, 0, 0, 0, 0], [0, 0, 0, 6, 14, 16, 0, 0, 0, 0], [0, 0, 0, 12, 10, 14, 0, 0, 0, 0], [0, 0, 0, 12, 13, 11, 0, 0, 0, 0], [0, 0, 0, 4, 18, 13, 0, 0, 0, 0], [0, 0, 0, 4, 14, 18, 0, 0, 0, 0]], "history": [{"epoch": 1, "images_per_second": 589.0780005187387, "loss": 2.3907100071814065, "lr": 0.05, "profile": null, "seconds": 0.20430987399959122, "top1_error": 0.8997214484679665, "top5_error": 0.4735376044568245, "train_loss": 2.306126356124878}, {"epoch": 2, "images_per_second": 822.6104878054272, "loss": 2.3907100071814065, "lr": 0.0, "profile": null, "seconds": 0.16998800599867536, "top1_error": 0.8997214484679665, "top5_error": 0.4735376044568245, "train_loss": 2.402994155883789}], "identity": {"architecture": "igcv3: depth=1-4-6-8-6-6-1,width=4-6-8-16-24-40-80,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no", "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "data_seed": 5, "epochs": 2, "input": "1x8x8", "layers": "b08365ec19f2", "recipe": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "seed": 5, "task": "digits"}, "images_per_second": 705.844244162083, "notes": [], "profile": null, "seconds": 0.440314233997924, "seed": 5, "test": {"images": 359, "loss": 2.396418749455954, "top1_error": 0.8969359331476323, "top5_error": 0.48467966573816157}, "validation": {"images": 359, "loss": 2.3907100071814065, "top1_error": 0.8997214484679665, "top5_error": 0.4735376044568245}, "weights": "/home/ann/work/b/seed-5/weights.safetensors", "weights_sha256": "581d8105f8df5d679d3a6f8f5c0b33e66bd27e35d8f1b187beb42f03b5793ccf"}, "settings": {"device": "2 CPU cores, no GPU", "epochs": 2, "recipe": "digits", "recipe text": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "versions": "python 3.11.7, nas 0.1.0, torch 2.15.0, torchvision 0.29.2, ray 2.60.0, optuna 5.0.0, fvcore 0.1.5.post20221221, numpy 2.4.6, sqlalchemy 2.1.9, plotly 7.1.0", "weights": "those of the last epoch"}, "task": "digits 1x8x8, 1,797 images in 10 classes (174 to 183 each), 100 train / 359 validation / 359 test images; only 100 training images, as many of each class"}');
INSERT INTO "nas_training" VALUES(4,'found-trial-0-digits-digits-31851c',0,'f95ecb913166','found',0,'2026-11-30 00:41:28.505891','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "network": {"arch_id": "f95ecb913166", "architecture": "depth=1,width=16,expansion=4,g1=2,g2=2,relu=depthwise,permute2=no", "cost": {"deployment": {"acts": 61450, "adaptation": "input 3x32x32: strides 1,2 (stem, stages; 1/2 of the input, final map 16x16)", "classes": 10, "input": "3x32x32", "latency": 0, "madds": 622912, "params": 1970, "strides": "1,2"}, "task": {"acts": 3850, "adaptation": "input 1x8x8: strides 1,2 (stem, stages; 1/2 of the input, final map 4x4)", "classes": 10, "input": "1x8x8", "latency": 0, "madds": 30016, "params": 1826, "strides": "1,2"}}, "name": "found-trial-0", "space": "tiny", "study": "found", "trial": 0}, "run": {"confusion": [[0, 0, 5, 0, 19, 6, 0, 6, 0, 0], [0, 0, 8, 0, 3, 2, 20, 0, 3, 0], [0, 0, 2, 0, 2, 6, 16, 2, 7, 0], [0, 0, 3, 0, 4, 1, 20, 1, 8, 0], [0, 0, 12, 0, 2, 5, 2, 7, 8, 0], [0, 0, 6, 0, 0, 3, 5, 2, 20, 0], [0, 0, 3, 0, 2, 5, 13, 1, 12, 0], [0, 0, 10, 0, 4, 1, 6, 3, 12, 0], [0, 0, 4, 0, 13, 0, 3, 6, 9, 0], [0, 0, 3, 0, 1, 3, 19, 0, 10, 0]], "history": [{"epoch": 1, "images_per_second": 7768.419528966311, "loss": 2.301409793099321, "lr": 0.05, "profile": null, "seconds": 0.013524391999453655, "top1_error": 0.9052924791086351, "top5_error": 0.48746518105849584, "train_loss": 2.3063695430755615}, {"epoch": 2, "images_per_second": 23344.364759655153, "loss": 2.301409793099321, "lr": 0.0, "profile": null, "seconds": 0.006230217000847915, "top1_error": 0.9052924791086351, "top5_error": 0.48746518105849584, "train_loss": 2.303065299987793}], "identity": {"architecture": "tiny: depth=1,width=16,expansion=4,g1=2,g2=2,relu=depthwise,permute2=no", "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "data_seed": 0, "epochs": 2, "input": "1x8x8", "layers": "9a5d82b433a2", "recipe": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "seed": 0, "task": "digits"}, "images_per_second": 15556.392144310732, "notes": [], "profile": null, "seconds": 0.023400699999911012, "seed": 0, "test": {"images": 359, "loss": 2.3016357421875, "top1_error": 0.9108635097493036, "top5_error": 0.5069637883008357}, "validation": {"images": 359, "loss": 2.301409793099321, "top1_error": 0.9052924791086351, "top5_error": 0.48746518105849584}, "weights": "/home/ann/work/c/seed-0/weights.safetensors", "weights_sha256": "ea8b526ca73309d99b5d0932a9c322f8fcb4d5c36eb76d3920a1020d10b25146"}, "settings": {"device": "2 CPU cores, no GPU", "epochs": 2, "recipe": "digits", "recipe text": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "versions": "python 3.11.7, nas 0.1.0, torch 2.15.0, torchvision 0.29.2, ray 2.60.0, optuna 5.0.0, fvcore 0.1.5.post20221221, numpy 2.4.6, sqlalchemy 2.1.9, plotly 7.1.0", "weights": "those of the last epoch"}, "task": "digits 1x8x8, 1,797 images in 10 classes (174 to 183 each), 100 train / 359 validation / 359 test images; only 100 training images, as many of each class"}');
INSERT INTO "nas_training" VALUES(5,'lost-7aeee9fbb1e7-digits-digits-8d497f',0,'7aeee9fbb1e7',NULL,NULL,'2026-11-30 00:41:33.525796','{"class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "network": {"arch_id": "7aeee9fbb1e7", "architecture": "depth=1,width=16,expansion=2,g1=2,g2=2,relu=depthwise,permute2=no", "cost": {"deployment": {"acts": 40970, "adaptation": "input 3x32x32: strides 1,2 (stem, stages; 1/2 of the input, final map 16x16)", "classes": 10, "input": "3x32x32", "latency": 0, "madds": 487744, "params": 1570, "strides": "1,2"}, "task": {"acts": 2570, "adaptation": "input 1x8x8: strides 1,2 (stem, stages; 1/2 of the input, final map 4x4)", "classes": 10, "input": "1x8x8", "latency": 0, "madds": 21568, "params": 1426, "strides": "1,2"}}, "name": "lost-7aeee9fbb1e7", "space": "lost", "study": null, "trial": null}, "run": {"confusion": [[27, 0, 0, 0, 0, 0, 0, 9, 0, 0], [29, 0, 0, 0, 0, 0, 0, 7, 0, 0], [30, 0, 0, 0, 0, 0, 0, 5, 0, 0], [23, 0, 0, 0, 0, 0, 0, 14, 0, 0], [3, 0, 0, 0, 0, 0, 0, 33, 0, 0], [11, 0, 0, 0, 0, 0, 0, 25, 0, 0], [20, 0, 0, 0, 0, 0, 0, 16, 0, 0], [7, 0, 0, 0, 0, 0, 0, 29, 0, 0], [21, 0, 0, 0, 0, 0, 0, 14, 0, 0], [20, 0, 0, 0, 0, 0, 0, 16, 0, 0]], "history": [{"epoch": 1, "images_per_second": 4206.052956889684, "loss": 2.3011488210524025, "lr": 0.05, "profile": null, "seconds": 0.02032120399962878, "top1_error": 0.8356545961002786, "top5_error": 0.415041782729805, "train_loss": 2.3049116134643555}, {"epoch": 2, "images_per_second": 25609.834178908575, "loss": 2.3011488210524025, "lr": 0.0, "profile": null, "seconds": 0.005829238998558139, "top1_error": 0.8356545961002786, "top5_error": 0.415041782729805, "train_loss": 2.3044512271881104}], "identity": {"architecture": "lost: depth=1,width=16,expansion=2,g1=2,g2=2,relu=depthwise,permute2=no", "data": {"digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740", "test": 359, "train": 100, "val": 359}, "data_seed": 0, "epochs": 2, "input": "1x8x8", "layers": "f9ca6c91c2c3", "recipe": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "seed": 0, "task": "digits"}, "images_per_second": 14907.943567899129, "notes": [], "profile": null, "seconds": 0.030070011998759583, "seed": 0, "test": {"images": 359, "loss": 2.3018975643062327, "top1_error": 0.8440111420612814, "top5_error": 0.4596100278551532}, "validation": {"images": 359, "loss": 2.3011488210524025, "top1_error": 0.8356545961002786, "top5_error": 0.415041782729805}, "weights": "/home/ann/work/d/seed-0/weights.safetensors", "weights_sha256": "7af6762d36e5da622cdc7bad584c6165092d2f32a232d1e30f05855906aa47a9"}, "settings": {"device": "2 CPU cores, no GPU", "epochs": 2, "recipe": "digits", "recipe text": "epochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 2\naugment = true\n", "versions": "python 3.11.7, nas 0.1.0, torch 2.15.0, torchvision 0.29.2, ray 2.60.0, optuna 5.0.0, fvcore 0.1.5.post20221221, numpy 2.4.6, sqlalchemy 2.1.9, plotly 7.1.0", "weights": "those of the last epoch"}, "task": "digits 1x8x8, 1,797 images in 10 classes (174 to 183 each), 100 train / 359 validation / 359 test images; only 100 training images, as many of each class"}');
CREATE TABLE nas_trial (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	architecture TEXT NOT NULL, 
	arch_id TEXT NOT NULL, 
	madds BIGINT NOT NULL, 
	params BIGINT NOT NULL, 
	acts BIGINT NOT NULL, 
	counted_madds BIGINT, 
	counted_params BIGINT, 
	counted_acts BIGINT, 
	state TEXT NOT NULL, 
	attempt BIGINT NOT NULL, 
	lost BIGINT NOT NULL, 
	seed BIGINT NOT NULL, 
	reference TEXT, 
	worker TEXT, 
	created_at DATETIME, 
	finished_at DATETIME, 
	seconds DOUBLE, 
	fail_reason TEXT, 
	fail_detail TEXT, 
	weights_path TEXT, 
	weights_sha256 TEXT, proxies TEXT, origin TEXT, replicate_of BIGINT, replicate BIGINT DEFAULT '0' NOT NULL, latency BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT nas_trial_pk PRIMARY KEY (id), 
	CONSTRAINT nas_trial_study_id_number_uq UNIQUE (study_id, number), 
	CONSTRAINT nas_trial_study_id_fk FOREIGN KEY(study_id) REFERENCES nas_study (id), 
	CONSTRAINT nas_trial_state_ck CHECK (state IN ('WAITING', 'RUNNING', 'COMPLETE', 'STOPPED', 'FAILED'))
);
INSERT INTO "nas_trial" VALUES(1,1,0,'tiny:depth=1,width=16,expansion=4,g1=2,g2=2,relu=depthwise,permute2=no','f95ecb913166',622912,1970,61450,622912,1970,61450,'COMPLETE',1,0,2968811710,NULL,'host:16487','2026-11-30 00:41:17.038361','2026-11-30 00:41:20.822687',2.00058908199935103766e+00,NULL,NULL,'found/trial-0-1-d570144d4988a7d7.safetensors','09f498eebe49d6ae7ea4ae4678a74b8213de25ac1f148b82281a5cadb4715bff',NULL,NULL,NULL,0,0);
CREATE INDEX nas_trial_arch_id_ix ON nas_trial (arch_id);
CREATE UNIQUE INDEX nas_study_uid_ix ON nas_study (uid);
COMMIT;
